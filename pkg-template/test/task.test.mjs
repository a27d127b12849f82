import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { createTestClient, json, settle, tidegate } from "./fake-core.mjs";

const { CancelledError, InvalidRequestError, AuthenticationError, ImageError } = tidegate;
const request = { model: "m", prompt: "a boat" };
const unhandled = [];
const hear = (error) => unhandled.push(error);
beforeEach(() => process.on("unhandledRejection", hear));
afterEach(() => {
  process.off("unhandledRejection", hear);
  assert.deepEqual(unhandled.splice(0), []);
});
const never = () => new Promise(() => {});
const ok = async () => json({});

test("generate resolves with a result", async () => {
  const { client, world } = createTestClient(ok);
  const task = client.generate({ ...request, seed: undefined }, { metadata: { a: "b" }, tenant: "t" });
  assert.ok(task instanceof Promise);
  assert.equal(task.idempotencyKey, "made-1");
  assert.deepEqual(task.state, { status: "waiting", reason: "concurrency", ahead: 0 });
  const result = await task;
  assert.equal(result.image, result.images[0]);
  assert.deepEqual({ ...result.image }, { mediaType: "image/png", url: "https://images.test/1.png" });
  assert.equal(task.state.status, "succeeded");
  assert.equal(task.state.result, result);
  assert.deepEqual(world.named("submit"), [[1, 0, request, { metadata: { a: "b" }, tenant: "t" }, undefined]]);
  assert.equal(task.then().constructor, Promise);
  assert.equal(await task.finally(() => {}), result);
  assert.deepEqual(await task.ref(), {
    v: 1,
    idempotencyKey: "made-1",
    parts: [{ index: 0, provider: "hiapi", model: "m", taskId: "t1", idempotencyKey: "made-1" }],
  });
});

test("what the caller changes later changes nothing", async () => {
  const { client, world } = createTestClient(ok);
  const mine = { ...request, providerOptions: { hiapi: { route: "pro", none: undefined } } };
  client.generate(mine);
  mine.prompt = "else";
  mine.providerOptions.hiapi.route = "x";
  await settle();
  assert.deepEqual(world.named("submit")[0][2], { ...request, providerOptions: { hiapi: { route: '"pro"' } } });
});

test("pictures go as URLs or as handles", async () => {
  const { client, world } = createTestClient(ok);
  const images = [
    "https://a.test/1.png",
    new URL("https://a.test/2.png"),
    "data:image/png;base64,AA==",
    new Blob(["x"]),
    new Uint8Array(2),
    (await client.generate(request)).image,
  ];
  client.generate({ ...request, images, mask: new URL("data:,x") });
  const sent = world.named("submit")[1][2];
  assert.deepEqual(sent.images, ["https://a.test/1.png", "https://a.test/2.png", 1, 2, 3, "https://images.test/1.png"]);
  assert.equal(sent.mask, 4);
});

test("it never throws in the call: what is wrong rejects with the field's name", async () => {
  const { client, world } = createTestClient(ok);
  const cyclic = {};
  cyclic.self = cyclic;
  const wrong = [
    [null, {}, "request"],
    [{ ...request, images: [7] }, {}, "images"],
    [request, { timeot: 1 }, "timeot"],
    [request, null, "options"],
    [request, { idempotencyKey: "a\r\nb" }, "idempotencyKey"],
    [request, { idempotencyKey: "" }, "idempotencyKey"],
    [request, { signal: {} }, "signal"],
    [request, { budget: 1 }, "budget"],
    [request, { route: { targets: ["a"] } }, "route"],
    [request, { metadata: { a: 1 } }, "metadata.a"],
    [request, { weight: 0 }, "weight"],
    [request, { priority: "high" }, "priority"],
    [{ ...request, providerOptions: { hiapi: cyclic } }, {}, "providerOptions.hiapi.self"],
    [{ ...request, providerOptions: { hiapi: { big: 1n } } }, {}, "providerOptions.hiapi.big"],
    [{ ...request, providerOptions: { hiapi: 5 } }, {}, "providerOptions.hiapi"],
    [
      {
        get prompt() {
          throw new Error("mine");
        },
      },
      {},
      "request",
    ],
  ];
  for (const [given, options, param] of wrong) {
    const task = client.generate(given, options);
    await assert.rejects(
      task,
      (error) => InvalidRequestError.is(error) && error.param === param && error.billed === "no",
    );
    assert.equal(task.state.status, "failed");
    await assert.rejects(task.ref(), InvalidRequestError);
    await assert.rejects(client.submit(given, options), InvalidRequestError);
  }
  await assert.rejects(client.resume(cyclic), (error) => error.param === "ref");
  assert.deepEqual(world.named("submit"), []);
});

test("aborted in the same tick nothing is sent, and the signal's reason is the error", async () => {
  const { client, world } = createTestClient(() => assert.fail("sent"));
  const controller = new AbortController();
  const task = client.generate(request, { signal: controller.signal });
  const reason = new Error("changed my mind");
  controller.abort(reason);
  await assert.rejects(task, (error) => error === reason);
  await assert.rejects(task.ref(), (error) => error === reason);
  await assert.rejects(client.submit(request, { signal: controller.signal }), (error) => error === reason);
  await assert.rejects(client.generate(request, { signal: AbortSignal.abort() }), { name: "AbortError" });
  await settle();
  assert.equal(task.state.status, "cancelled");
  assert.deepEqual(world.named("stored"), []);
});

test("aborted under way the fetch is aborted too, whether or not it heeds its signal", async () => {
  let sent;
  const { client, world } = createTestClient((_, { signal }) => ((sent = signal), never()));
  const controller = new AbortController();
  const task = client.generate(request, { signal: controller.signal });
  await settle();
  controller.abort(new Error("why"));
  await assert.rejects(task, /why/);
  await settle();
  assert.ok(sent.aborted);
  assert.deepEqual(world.named("failed"), [[1, 1, "aborted"]]);
});

test("a settled task leaves no listener on its signal", async () => {
  const { client } = createTestClient(ok);
  const controller = new AbortController();
  let listeners = 0;
  const { signal } = controller;
  const { addEventListener: add, removeEventListener: remove } = signal;
  signal.addEventListener = (...a) => (listeners++, add.apply(signal, a));
  signal.removeEventListener = (...a) => (listeners--, remove.apply(signal, a));
  await client.generate(request, { signal });
  await settle();
  assert.equal(listeners, 0);
});

test("cancel rejects with CancelledError, whose cause is the reason", async () => {
  const { client } = createTestClient(never);
  const task = client.generate(request);
  assert.equal(await task.cancel("no need"), "before-submit");
  await assert.rejects(task, (error) => CancelledError.is(error) && error.cause === "no need");
  assert.equal(await task.cancel(), "too-late");
  const other = client.generate(request);
  await other.cancel();
  await assert.rejects(other, (error) => CancelledError.is(error) && !("cause" in error));
});

test("too late is too late", async () => {
  const { client, world } = createTestClient(ok);
  world.tooLate = true;
  const task = client.generate(request);
  assert.equal(await task.cancel(), "too-late");
  await task;
});

test("iterators: late joiners get the latest first, all end after the last", async () => {
  const { client, world } = createTestClient(ok);
  world.sends = false;
  const task = client.generate(request);
  const collect = async (from) => {
    const seen = [];
    for await (const { status } of from) seen.push(status);
    return seen;
  };
  const early = collect(task);
  await settle();
  const ref = { v: 1, idempotencyKey: "made-1", parts: [] };
  world.cores[0].host.update(1, { status: "submitting", target: { provider: "hiapi", model: "m" }, attempt: 1 });
  world.cores[0].host.update(1, { status: "queued", ref });
  assert.deepEqual(await task.ref(), ref);
  const late = collect(task);
  world.cores[0].host.update(1, { status: "processing", ref, progress: 0.5 });
  world.cores[0].host.settle(1, "failed", { code: "task-failed", message: "no" });
  world.cores[0].host.update(1, { status: "processing", ref });
  assert.deepEqual(await early, ["waiting", "submitting", "queued", "processing", "failed"]);
  assert.deepEqual(await late, ["queued", "processing", "failed"]);
  assert.deepEqual(await collect(task), ["failed"]);
  assert.ok(ImageError.is(task.state.error));
  for await (const { status } of task) {
    assert.equal(status, "failed");
    break;
  }
});

test("an idempotency key that runs here is joined", async () => {
  const { client, world } = createTestClient(ok);
  world.sends = false;
  const first = client.generate(request, { idempotencyKey: "k" });
  const atOnce = [client.generate(request, { idempotencyKey: "k" }), client.resume("k")];
  await settle();
  const running = client.generate(request, { idempotencyKey: "k" });
  const resumed = client.resume({ v: 1, idempotencyKey: "k", parts: [] });
  assert.equal(first.idempotencyKey, "k");
  world.sends = true;
  world.cores[0].wake(0);
  const results = await Promise.all([first, ...atOnce, running, resumed]);
  assert.ok(results.every((result) => result === results[0]));
  assert.equal(world.named("submit").length, 1);
  assert.equal(world.named("submit")[0][3].keep, true);
});

test("one caller's abort lets go of its own handle, and the last one's cancels the task", async () => {
  const { client, world } = createTestClient(never);
  const first = client.generate(request, { idempotencyKey: "k" });
  await settle();
  const controller = new AbortController();
  const second = client.generate(request, { idempotencyKey: "k", signal: controller.signal });
  const resumer = new AbortController();
  const third = client.resume("k", { signal: resumer.signal });
  controller.abort("mine");
  await assert.rejects(second, (error) => error === "mine");
  await assert.rejects(client.submit(request, { idempotencyKey: "k", signal: controller.signal }), (e) => e === "mine");
  resumer.abort("enough");
  await assert.rejects(third, (error) => error === "enough");
  assert.deepEqual(world.named("cancel"), [], "the first one wants it still");
  assert.equal(first.state.status, "waiting");
  const last = new AbortController();
  const fourth = client.generate(request, { idempotencyKey: "k", signal: last.signal });
  await first.cancel("all of it");
  await assert.rejects(first, (error) => CancelledError.is(error) && error.cause === "all of it");
  await assert.rejects(fourth, CancelledError, "whoever cancels means the task");
});

test("the last of several aborts cancels", async () => {
  const { client, world } = createTestClient(never);
  const controllers = [new AbortController(), new AbortController()];
  const tasks = controllers.map(({ signal }) => client.generate(request, { idempotencyKey: "k", signal }));
  await settle();
  controllers[1].abort("one");
  assert.equal(world.named("cancel").length, 0);
  controllers[0].abort("two");
  assert.equal(world.named("cancel").length, 1);
  await assert.rejects(tasks[0], (error) => error === "two");
  await assert.rejects(tasks[1], (error) => error === "one");
});

test("aborted after its acceptance a task still names its reference", async () => {
  const { client, world } = createTestClient(never);
  const controller = new AbortController();
  const task = client.generate(request, { signal: controller.signal });
  await settle();
  const ref = { v: 1, idempotencyKey: "made-1", parts: [] };
  world.cores[0].host.update(1, { status: "queued", ref });
  controller.abort("late");
  await assert.rejects(task, (error) => error === "late");
  assert.deepEqual(await task.ref(), ref);
});

test("a signal has one listener however many calls have it", async () => {
  const { client } = createTestClient(ok);
  const { signal } = new AbortController();
  let [listeners, most] = [0, 0];
  const { addEventListener: add, removeEventListener: remove } = signal;
  signal.addEventListener = (...a) => ((most = Math.max(most, ++listeners)), add.apply(signal, a));
  signal.removeEventListener = (...a) => (listeners--, remove.apply(signal, a));
  await Promise.all(Array.from({ length: 50 }, () => client.generate(request, { signal })));
  await client.generate(request, { signal });
  await settle();
  // One more is each fetch's own signal, which is no caller's.
  assert.deepEqual([listeners, most], [0, 1]);
});

test("unawaited failures raise nothing", async () => {
  const down = async () => {
    throw new Error("down");
  };
  const { client } = createTestClient(down);
  client.generate(request);
  client.generate(request).cancel();
  client.generate(null);
  client.generate(request, { signal: AbortSignal.abort() });
  client.submit(request);
  client.submit(null);
  client.batch([request]).settled();
  await settle();
  assert.deepEqual(unhandled, []);
});

test("keys: a string, a function, a promise of one; asked again only when told", async () => {
  const seen = [];
  const fetch = async (_, { headers }) => (seen.push(headers.get("authorization")), json({}));
  for (const apiKey of ["k1", () => "k2", async () => "k3"]) {
    const { client } = createTestClient(fetch, {
      providers: tidegate.hiapi({ apiKey, headers: { "X-Own": "1", Authorization: "mine" } }),
    });
    await client.generate(request);
  }
  assert.deepEqual(seen.splice(0), ["Bearer k1", "Bearer k2", "Bearer k3"]);

  let asked = 0;
  const { client, world } = createTestClient(fetch, {
    providers: tidegate.hiapi({ apiKey: async () => `n${++asked}` }),
  });
  await Promise.all([client.generate(request), client.generate(request)]);
  await client.generate(request);
  assert.equal(asked, 1, "calls at the same time share one question");
  world.refresh = true;
  await client.generate(request);
  assert.deepEqual(seen, ["Bearer n1", "Bearer n1", "Bearer n1", "Bearer n2"]);
});

test("a proxy gets the user's headers and no key", async () => {
  const { client } = createTestClient(
    async (_, { headers }) => {
      assert.deepEqual([...headers], [["x-own", "1"]]);
      return json({});
    },
    { providers: tidegate.hiapi({ baseURL: "https://proxy.test", headers: { "X-Own": "1" } }) },
  );
  await client.generate(request);
});

test("an apiKey function that fails is an authentication error, which has what it threw as its cause alone", async () => {
  const bad = [
    () => {
      throw new Error("sk-secret");
    },
    async () => {
      throw "sk-secret";
    },
    () => undefined,
    async () => "",
    () => "sk-secret\n",
  ];
  for (const apiKey of bad) {
    const { client } = createTestClient(() => assert.fail("sent"), { providers: tidegate.hiapi({ apiKey }) });
    await assert.rejects(
      client.generate(request),
      (error) =>
        AuthenticationError.is(error) &&
        error.cause !== undefined &&
        !JSON.stringify([error, error.message]).includes("sk-secret"),
    );
  }
});

test("fetch: looked up at each call, or the user's; one that throws is a failed fetch", async () => {
  const global = globalThis.fetch;
  const { client } = createTestClient(undefined);
  let calls = 0;
  try {
    globalThis.fetch = async () => (calls++, json({}));
    await client.generate(request);
    globalThis.fetch = async () => ((calls += 10), json({}));
    await client.generate(request);
  } finally {
    globalThis.fetch = global;
  }
  assert.equal(calls, 11);
  const { client: throwing, world } = createTestClient(() => {
    throw new TypeError("bad https://x.test/a?signature=s");
  });
  await assert.rejects(throwing.generate(request), { code: "network" });
  assert.deepEqual(world.named("failed"), [[1, 0, "bad https://x.test/a?…"]]);
  assert.equal(world.cores.length, 1);
});

test("a failed fetch is told with its code", async () => {
  const { client, world } = createTestClient(async () => {
    throw new TypeError("fetch failed", { cause: { code: "ECONNRESET" } });
  });
  await assert.rejects(client.generate(request), { code: "network" });
  assert.deepEqual(world.named("failed"), [[1, 0, "fetch failed (ECONNRESET)"]]);
});

test("answers arrive with status, headers, kind and value", async () => {
  const { client, world } = createTestClient(async () => json({ a: 1 }, { status: 202, headers: { "x-id": "r" } }));
  await client.generate(request);
  const [[call, status, headers, kind, value]] = world.named("answer");
  assert.deepEqual([call, status, headers, kind, value], [1, 202, { "x-id": "r" }, 0, { a: 1 }]);
});
