// The simulator's fetch and its clock, each alone.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { dist, load } from "./fake-core.mjs";

const { createFetch } = await load("simulator-fetch.js");
const { VirtualClock } = await load("virtual-clock.js");
const { createSimulator } = await load("testing.js");

/** A fetch over a handler that the test scripts; a round trip takes 100 ms. */
const createNetwork = (answer = () => ({ status: 200, headers: [], body: "{}" })) => {
  const clock = new VirtualClock(true);
  const seen = [];
  const handle = (method, path, headers, body) => {
    const pairs = Array.from({ length: headers.length / 2 }, (_, index) => headers.slice(2 * index, 2 * index + 2));
    const request = { at: clock.now(), method, path, headers: Object.fromEntries(pairs), body };
    seen.push(request);
    const { body: text = "", ...head } = { status: 200, headers: [], ...(answer(request) ?? { status: 0 }) };
    return {
      due: undefined,
      ...head,
      intoBody: () => (typeof text === "string" ? new TextEncoder().encode(text) : text),
    };
  };
  return { clock, seen, fetch: createFetch({ latency: 100, handle }, clock) };
};

test("a request arrives whole, in each form that fetch takes", async () => {
  const { fetch, seen, clock } = createNetwork();
  const init = { method: "POST", headers: { "X-A": "1", Authorization: "Bearer k" }, body: "ü" };
  await fetch("https://a.test/v1/tasks?page=2#top", init);
  await fetch(new URL("http://127.0.0.1:1/v1/tasks?page=2"), init);
  await fetch(new Request("https://b.test/v1/tasks?page=2", init));
  await fetch(new Request("https://b.test/v1/tasks?page=2", { method: "PUT", body: "x" }), init);
  for (const { method, path, headers, body } of seen) {
    assert.deepEqual(
      [method, path, headers["x-a"], headers.authorization],
      ["POST", "/v1/tasks?page=2", "1", "Bearer k"],
    );
    assert.deepEqual([...body], [0xc3, 0xbc]);
  }
  assert.deepEqual(
    seen.map(({ at }) => at),
    [50, 150, 250, 350],
  );
  assert.equal(clock.now(), 400);
  await assert.rejects(fetch("/v1/tasks"), TypeError);
});

test("bytes and forms arrive as bytes, a form with its boundary", async () => {
  const { fetch, seen } = createNetwork();
  const every = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const form = new FormData();
  form.set("prompt", "a gate");
  form.set("image", new Blob([every], { type: "image/png" }), "image.png");
  await fetch("https://a.test/v1/images/edits", { method: "POST", body: form });
  await fetch("https://a.test/v1/tasks", { method: "POST", body: every });
  const [{ headers, body }, plain] = seen;
  const [, boundary] = /^multipart\/form-data; ?boundary="?([^"]+)"?$/.exec(headers["content-type"]);
  const text = Buffer.from(body).toString("latin1");
  assert.ok(
    text.startsWith(`--${boundary}\r\n`) && text.includes('name="prompt"\r\n\r\na gate\r\n'),
    text.slice(0, 200),
  );
  assert.ok(text.includes(Buffer.from(every).toString("latin1")));
  assert.deepEqual(plain.body, every);
});

test("a path of a proxy before the provider's is left out; what has no key is the proxy's", async () => {
  const { fetch, seen } = createNetwork();
  await fetch("https://app.test/api/images/v1/tasks/t1");
  await fetch("https://app.test/images/t1.png");
  await fetch("https://app.test/images/creativeai/v1/images/edits");
  await fetch("https://api.creativeai.run/v1/images/edits");
  assert.deepEqual(
    seen.map(({ path, headers }) => [path, headers.authorization]),
    [
      ["/v1/tasks/t1", "Bearer proxy"],
      ["/images/t1.png", undefined],
      ["/creativeai/v1/images/edits", "Bearer proxy"],
      ["/creativeai/v1/images/edits", "Bearer proxy"],
    ],
  );
});

test("an answer is a Response with all that fetch gives one", async () => {
  const big = Uint8Array.from({ length: 200_000 }, (_, index) => index % 251);
  const answers = {
    "/json": {
      status: 429,
      headers: ["retry-after", "5", "x-a", "1", "x-a", "2", "bad\nname", "v", "x-b", "bad\nvalue"],
      body: '{"a":"ü"}',
    },
    "/big": { status: 200, headers: ["content-type", "image/png"], body: big },
    "/none": { status: 204, headers: [] },
  };
  const { fetch } = createNetwork(({ path }) => answers[path]);
  const json = await fetch("https://a.test/json");
  assert.ok(json instanceof Response);
  assert.deepEqual([json.status, json.ok, json.url], [429, false, "https://a.test/json"]);
  assert.deepEqual(
    [json.headers.get("retry-after"), json.headers.get("x-a"), json.headers.get("x-b")],
    ["5", "1, 2", null],
  );
  assert.deepEqual(await json.clone().json(), { a: "ü" });
  assert.equal(await json.text(), '{"a":"ü"}');
  const image = await fetch("https://a.test/big");
  assert.deepEqual(new Uint8Array(await image.arrayBuffer()), big);
  let chunks = 0;
  for await (const chunk of (await fetch("https://a.test/big")).body) chunks += Math.sign(chunk.length);
  assert.ok(chunks > 1);
  const none = await fetch("https://a.test/none");
  assert.deepEqual([none.status, none.body], [204, null]);
});

test("a broken connection is a TypeError", async () => {
  const { fetch, seen } = createNetwork(() => undefined);
  await assert.rejects(
    fetch("https://a.test/"),
    (error) => error instanceof TypeError && error.cause.code === "ECONNRESET",
  );
  assert.equal(seen.length, 1);
});

test("an abort ends a request in each phase, with its reason", async () => {
  const { fetch, seen, clock } = createNetwork(() => ({ body: new Uint8Array(200_000) }));
  const reason = new Error("enough");
  const abortAt = (ms) => {
    const controller = new AbortController();
    if (ms === undefined) controller.abort(reason);
    else clock.setTimeout(() => controller.abort(reason), ms);
    return controller.signal;
  };
  const isReason = (error) => error === reason;
  await assert.rejects(fetch("https://a.test/", { signal: abortAt() }), isReason);
  await assert.rejects(fetch("https://a.test/", { signal: abortAt(20) }), isReason);
  assert.deepEqual([seen.length, clock.now()], [0, 20]);
  await assert.rejects(fetch("https://a.test/", { signal: abortAt(70) }), isReason);
  assert.deepEqual([seen.length, clock.now()], [1, 90], "the provider has acted");
  await assert.rejects(
    fetch(new Request("https://a.test/", { signal: abortAt(20) })),
    (error) => error.name !== "TypeError",
  );
  await fetch(new Request("https://a.test/", { signal: abortAt() }), { signal: null });
  const controller = new AbortController();
  const reader = (await fetch("https://a.test/", { signal: controller.signal })).body.getReader();
  assert.equal((await reader.read()).done, false);
  controller.abort(reason);
  await assert.rejects(reader.read(), isReason);
  // A signal of another realm is none to `Request`.
  const foreign = { aborted: true, reason: undefined, addEventListener() {}, removeEventListener() {} };
  await assert.rejects(fetch("https://a.test/", { signal: foreign }), { name: "AbortError" });
});

test("a redirect is followed without the key, left alone or refused, as asked", async () => {
  const { fetch, seen } = createNetwork(({ path }) =>
    path === "/v1/tasks" || path === "/again"
      ? { status: 307, headers: ["location", path === "/again" ? "/again" : "https://b.test/end"] }
      : {},
  );
  const init = { method: "POST", headers: { authorization: "Bearer k" }, body: "x" };
  const followed = await fetch("https://a.test/v1/tasks", init);
  assert.deepEqual([followed.status, followed.url], [200, "https://b.test/end"]);
  const [, { method, headers, body }] = seen;
  assert.deepEqual([method, headers.authorization, [...body]], ["POST", undefined, [120]]);
  const left = await fetch("https://a.test/v1/tasks", { ...init, redirect: "manual" });
  assert.deepEqual([left.status, left.headers.get("location")], [307, "https://b.test/end"]);
  await assert.rejects(fetch("https://a.test/v1/tasks", { ...init, redirect: "error" }), TypeError);
  await assert.rejects(fetch("https://a.test/again"), TypeError);
});

test("the provider answers at any address, and where it links its images; a bad key is refused", async () => {
  const { fetch, advance, world } = toCall(createSimulator({ durationMs: [1_000, 1_000] }));
  const body = JSON.stringify({ model: "gpt-image-2", input: { prompt: "a gate", size: "64x128" } });
  const post = (headers) => fetch("https://api.hiapi.ai/v1/tasks", { method: "POST", headers, body });
  assert.equal((await post({ authorization: "Bearer sk-bad" })).status, 401);
  const { data } = await (await post({})).json();
  await advance(2_000);
  const { output } = (await (await fetch(`https://proxy.test/images/v1/tasks/${data.taskId}`)).json()).data;
  const png = Buffer.from(await (await fetch(output[0].url)).arrayBuffer());
  assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [64, 128]);
  const [{ task_id, image_fetched }] = world.ledger();
  assert.deepEqual([task_id, image_fetched, world.stats().leaked_credentials], [data.taskId, true, 0]);
});
const toCall = (simulator) => ({ ...simulator, advance: (ms) => simulator.advance(ms) });

test("timers run in the order of their times, and of their making", async () => {
  const clock = new VirtualClock(true);
  const told = [];
  const tell = (name) => () => told.push(`${name} ${clock.now()}`);
  clock.setTimeout(tell("c"), 30);
  clock.setTimeout(tell("a"), 10);
  clock.setTimeout(tell("b"), 10);
  clock.setTimeout(tell("never"), Infinity);
  clock.setTimeout(tell("cancelled"), 20)();
  clock.setTimeout(() => clock.setTimeout(tell("nested"), 0), 10);
  await clock.advance(10);
  told.push("advanced");
  await clock.advance(100);
  assert.deepEqual(told, ["a 10", "b 10", "advanced", "nested 11", "c 30"]);
  assert.equal(clock.now(), 110);
});

test("time stands still while work is held, and a long jump waits for what is not", async () => {
  const clock = new VirtualClock(true);
  const real = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const told = [];
  clock.setTimeout(() => told.push("timer"), 5);
  await clock.hold(real(10)).then(() => told.push("held"));
  await clock.advance(5);
  assert.deepEqual(told, ["held", "timer"]);
  // A deadline of ten minutes, and a store that takes some real ms.
  const cancel = clock.setTimeout(() => told.push("deadline"), 600_000);
  await real(5);
  cancel();
  await clock.advance(1);
  assert.deepEqual(told, ["held", "timer"]);
});

test("what a timer throws is the host's to report, and time goes on", () => {
  const script = `
    import { VirtualClock } from ${JSON.stringify(new URL("virtual-clock.js", dist).href)};
    process.on("unhandledRejection", ({ message }) => console.log(message));
    const clock = new VirtualClock(true);
    clock.setTimeout(() => { throw new Error("thrown"); }, 5);
    await clock.advance(50);
    console.log(clock.now());`;
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8" });
  assert.equal(stdout, "thrown\n50\n");
});
