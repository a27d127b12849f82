// The built package in virtual time: over the simulator in this process, or over a scripted HiAPI where a test says what to answer.
import assert from "node:assert/strict";
import { test } from "node:test";
import { dist, load } from "./fake-core.mjs";
import { createHiapi, inVirtualTime } from "./virtual.mjs";

const tidegate = await import(new URL("inline.js", dist).href);
const {
  createClient,
  hiapi,
  CancelledError,
  DeadlineError,
  InvalidRequestError,
  AuthenticationError,
  RateLimitError,
  QueueTimeoutError,
} = tidegate;
const { createSimulator } = await load("testing.js");
const request = { model: "gpt-image-2", prompt: "a tide gate at dawn" };
const KEY = "sk-a-key-that-must-stay-outside-0123456789";

/** A story with a client of its own. */
const run = (world, story, options) =>
  inVirtualTime(async (clock) => {
    const client = createClient({
      providers: hiapi({ apiKey: KEY }),
      testing: { seed: 1 },
      logLevel: "off",
      ...options,
    });
    try {
      return await story(client, clock);
    } finally {
      await client.close();
    }
  }, world.fetch);

/** A story with a client of its own over a simulator. */
const play = async (simulator, story, options) => {
  const client = createClient({ providers: hiapi({ apiKey: KEY }), logLevel: "off", ...simulator.options, ...options });
  try {
    return await story(client);
  } finally {
    await client.close();
  }
};
const lasting = (ms, config) => createSimulator({ durationMs: [ms, ms], ...config });

/** A store in memory that outlives its client. */
const createStore = () => {
  const records = new Map();
  return {
    records,
    get: async (key) => records.get(key),
    put: async (key, record) => void records.set(key, record),
    delete: async (key) => void records.delete(key),
    async *all() {
      yield* [...records];
    },
  };
};

test("an image: submitted once, polled, fetched without the key", async () => {
  const world = createHiapi();
  await run(world, async (client) => {
    const task = client.generate({ ...request, aspectRatio: "16:9" }, { metadata: { a: "b" } });
    assert.match(task.idempotencyKey, /^[\x21-\x7e]{16,}$/);
    const seen = [];
    for await (const { status } of task) if (seen.at(-1) !== status) seen.push(status);
    assert.equal(seen[0], "waiting");
    assert.equal(seen.at(-1), "succeeded");
    assert.ok(seen.includes("submitting") && seen.includes("processing"), seen.join());
    const result = await task;
    assert.equal(result.taskId, "t1");
    assert.deepEqual(result.metadata, { a: "b" });
    assert.deepEqual(await task.ref().then(({ parts }) => parts.map(({ taskId }) => taskId)), ["t1"]);
    assert.equal(result.image.url, "https://images.test/t1.png");
    await result.image.bytes();
    assert.deepEqual([result.image.mediaType, result.image.width, result.image.height], ["image/png", 8, 4]);
  });
  const [submit, ...more] = world.of("POST");
  assert.deepEqual(more, []);
  assert.equal(submit.headers.get("authorization"), `Bearer ${KEY}`);
  assert.equal(submit.headers.get("content-type"), "application/json");
  assert.equal(submit.redirect, "manual");
  const sent = JSON.parse(submit.body);
  assert.deepEqual([sent.model, sent.input.prompt, sent.input.aspect_ratio], [request.model, request.prompt, "16:9"]);
  assert.ok(world.of("GET").length > 0);
  const [image] = world.of("GET", "/t1.png");
  assert.deepEqual(
    [...image.headers.keys()].filter((name) => /auth|key/.test(name)),
    [],
  );
});

test("a batch within a cap: every image, none bought twice, bytes with them", async () => {
  const simulator = createSimulator({ cap: 4 });
  await play(
    simulator,
    async (client) => {
      const { ok, failed } = await client.batch(Array.from({ length: 24 }, () => request)).settled();
      assert.deepEqual(failed, []);
      assert.deepEqual(
        ok.map(({ key }) => key).sort((a, b) => a - b),
        Array.from({ length: 24 }, (_, index) => index),
      );
      const { images } = simulator.world.stats();
      for (const { result } of ok) assert.equal((await result.image.bytes()).at(1), 0x50);
      assert.equal(simulator.world.stats().images, images);
      const { waiting, running } = client.status();
      assert.deepEqual([waiting, running], [0, 0]);
    },
    { providers: hiapi({ apiKey: KEY, limits: { concurrency: 4 } }) },
  );
  assert.equal(simulator.ledger().length, 24);
  assert.equal(simulator.stats().refusals, 0);
});

test("a refusal with Retry-After is waited out, never undercut", async () => {
  let refused = 0;
  const script = ({ method, clock }, world) => {
    if (method !== "POST" || refused === 3) return undefined;
    refused++;
    world.notBefore = clock.now + 7_000;
    return Response.json({ error: { code: "rate_limit_exceeded" } }, { status: 429, headers: { "retry-after": "7" } });
  };
  const early = [];
  const world = createHiapi({
    script: (r, w) => {
      if (r.method === "POST" && r.at < (w.notBefore ?? 0)) early.push(r.at);
      return script(r, w);
    },
  });
  await run(world, async (client) => {
    const events = [];
    client.on("refusal", (event) => events.push(event));
    const result = await client.generate(request);
    assert.deepEqual(
      result.attempts.map(({ outcome }) => outcome),
      ["refused", "refused", "refused", "accepted"],
    );
    assert.equal(events.length, 3);
    assert.ok(events.every(({ retryAfterMs }) => retryAfterMs === 7_000));
  });
  assert.deepEqual(early, []);
  assert.equal(world.tasks.size, 1);
});

test("refused for longer than it may wait, it says when", async () => {
  const refuse = ({ method }) =>
    method === "POST"
      ? Response.json({ error: { code: "rate_limit_exceeded" } }, { status: 429, headers: { "retry-after": "60" } })
      : undefined;
  await run(createHiapi({ script: refuse }), async (client) => {
    await assert.rejects(
      client.generate(request, { maxWait: 5_000 }),
      (error) => RateLimitError.is(error) && error.billed === "no" && error.retryAfterMs > 0,
    );
  });
});

test("one's own bound ends a wait as such: how long, how many ahead, what to change, and when there is room", async () => {
  await run(createHiapi({ cap: 1 }), async (client) => {
    const first = client.generate(request);
    const second = client.generate(request);
    await assert.rejects(client.generate(request, { maxWait: 500 }), (error) => {
      assert.ok(QueueTimeoutError.is(error) && error.billed === "no" && error.retryable && error.retryAfterMs > 500);
      assert.match(error.message, /^Waited 500 ms for a turn \(`maxWait`\), with \d+ ahead/);
      return true;
    });
    await Promise.all([first, second]);
  });
});

test("a lost answer is sent again under its key, and bought once", async () => {
  let lost = 0;
  const world = createHiapi({
    script: ({ method, headers, clock }, world) => {
      if (method !== "POST" || lost++ > 0) return undefined;
      world.keys.set(headers.get("idempotency-key"), "t1");
      world.tasks.set("t1", { until: clock.now + 2_000 });
      throw new TypeError("fetch failed", { cause: { code: "ECONNRESET" } });
    },
  });
  await run(world, async (client) => assert.equal((await client.generate(request)).taskId, "t1"));
  const posts = world.of("POST");
  assert.equal(posts.length, 2);
  assert.equal(new Set(posts.map(({ headers }) => headers.get("idempotency-key"))).size, 1);
  assert.equal(new Set(posts.map(({ body }) => body)).size, 1);
  assert.equal(world.tasks.size, 1);
});

test("nothing is sent when aborted in the same tick, nor for a bad request", async () => {
  const world = createHiapi();
  await run(world, async (client) => {
    const controller = new AbortController();
    const task = client.generate(request, { signal: controller.signal });
    controller.abort(new Error("no"));
    await assert.rejects(task, /^Error: no$/);
    const wrong = [
      [{ ...request, prompt: "" }, "prompt"],
      [{ ...request, prompt: undefined }, "prompt"],
      [{ ...request, prompt: 5 }, "prompt"],
      [{ ...request, n: 0 }, "n"],
      [{ ...request, n: 1.5 }, "n"],
      [{ ...request, size: "big" }, "size"],
      [{ ...request, aspectRatio: "16/9" }, "aspectRatio"],
      [{ ...request, promt: "x" }, "promt"],
      [{ prompt: "x" }, "model"],
      [{ ...request, format: "gif" }, "format"],
    ];
    for (const [bad, param] of wrong) {
      await assert.rejects(
        client.generate(bad),
        (error) => InvalidRequestError.is(error) && error.param === param && error.billed === "no",
        JSON.stringify(bad),
      );
    }
    for (const ref of [
      {},
      { v: 2 },
      5,
      null,
      { v: 1, idempotencyKey: "k", parts: "x" },
      { provider: "nobody", taskId: "t" },
    ]) {
      await assert.rejects(client.resume(ref), InvalidRequestError, JSON.stringify(ref));
    }
    await settledSoon(client);
  });
  assert.deepEqual(world.requests, []);
});
const settledSoon = async (client) => assert.deepEqual([client.status().waiting, client.status().running], [0, 0]);

test("cancelled while waiting it ends; what was accepted stays pending and is found again", async () => {
  const simulator = lasting(20_000);
  await play(simulator, async (client) => {
    const task = client.generate(request);
    const ref = await task.ref();
    await task.cancel("enough");
    await assert.rejects(task, (error) => CancelledError.is(error) && error.cause === "enough");
    assert.deepEqual(
      (await client.pending()).map(({ idempotencyKey }) => idempotencyKey),
      [ref.idempotencyKey],
    );
    await simulator.advance(1_000);
    assert.equal((await client.resume(ref)).taskId, ref.parts[0].taskId);
    assert.deepEqual(await client.pending(), []);
  });
  assert.equal(simulator.stats().submits, 1);
});

test("another client resumes by ref, by task id, and by key through the store", async () => {
  const store = createStore();
  const simulator = lasting(5_000);
  const ref = await play(simulator, (client) => client.submit(request), { store });
  assert.deepEqual(JSON.parse(JSON.stringify(ref)), ref);
  assert.ok(![...store.records.values()].join().includes(KEY));
  const [{ taskId }] = ref.parts;
  const again = (what) => play(simulator, async (client) => (await client.resume(what)).image.url, { store });
  const url = await again(ref.idempotencyKey);
  assert.ok(url.startsWith(`https://simulator.test/images/${taskId}.png?`), url);
  assert.equal(await again(ref), url);
  assert.equal(await again({ provider: "hiapi", taskId }), url);
  assert.equal(simulator.stats().submits, 1);
});

test("a batch with an id, run again after a crash, buys nothing twice", async () => {
  const store = createStore();
  const simulator = lasting(5_000);
  const items = Array.from({ length: 8 }, (_, key) => ({ ...request, key }));
  await play(
    simulator,
    async (client) => {
      client.batch(items, { id: "run" });
      await simulator.advance(7_000);
    },
    { store },
  );
  const bought = simulator.world.stats().accepted;
  assert.ok(bought >= 4 && bought < 9, String(bought));
  const { ok } = await play(simulator, (client) => client.batch(items, { id: "run" }).settled(), { store });
  assert.equal(ok.length, 8);
  assert.equal(simulator.ledger().length, 8);
});

test("the deadline ends the wait and leaves the task to be found", async () => {
  const simulator = lasting(100_000);
  await play(simulator, async (client) => {
    await assert.rejects(
      client.generate(request, { deadline: 10_000 }),
      (error) => DeadlineError.is(error) && error.ref?.parts[0].taskId.startsWith("tk-hiapi-"),
    );
    const [{ parts }] = await client.pending();
    await simulator.advance(100_000);
    assert.equal(simulator.ledger()[0].taskId, parts[0].taskId);
  });
});

test("a wrong key is told at once; a key function is asked once more", async () => {
  const answers =
    (good) =>
    ({ method, headers }) =>
      method === "POST" && headers.get("authorization") !== `Bearer ${good}`
        ? Response.json({ error: { message: "bad key" } }, { status: 401 })
        : undefined;
  const fixed = createHiapi({ script: answers("other") });
  await run(fixed, (client) =>
    assert.rejects(client.generate(request), (e) => AuthenticationError.is(e) && e.status === 401 && e.billed === "no"),
  );
  assert.equal(fixed.of("POST").length, 1);
  let asked = 0;
  const asking = createHiapi({ script: answers("key 2") });
  await run(asking, (client) => client.generate(request), {
    providers: hiapi({ apiKey: async () => `key ${++asked}` }),
  });
  assert.equal(asked, 2);
});

test("hostile answers to a submit are typed errors that tell the truth about money", async () => {
  const deep = `${'{"data":'.repeat(50_000)}1${"}".repeat(50_000)}`;
  const hostile = {
    html: () => new Response("<html>502</html>", { headers: { "content-type": "text/html" } }),
    truncated: () => new Response('{"code":200,"data":{"task', { headers: { "content-type": "application/json" } }),
    "not UTF-8": () => new Response(Uint8Array.of(0x7b, 0xff, 0x7d)),
    deep: () => new Response(deep),
    huge: () => new Response(new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(1 << 20).fill(32)) })),
    empty: () => new Response(""),
    array: () => Response.json([]),
    null: () => Response.json(null),
    "no id": () => Response.json({ code: 200, data: {} }),
    "an id that is a path": () => Response.json({ code: 200, data: { taskId: "../../admin?x" } }),
    redirect: () => new Response(null, { status: 302, headers: { location: "https://evil.test/" } }),
  };
  for (const [name, answer] of Object.entries(hostile)) {
    const world = createHiapi({ script: ({ method }) => (method === "POST" ? answer() : undefined) });
    await run(world, async (client) => {
      const error = await client.generate(request, { deadline: 120_000 }).then(
        () => assert.fail(name),
        (error) => error,
      );
      assert.ok(tidegate.ImageError.is(error), name);
      assert.notEqual(error.code, "core-crashed", name);
      assert.ok(["yes", "unknown", "no"].includes(error.billed));
      if (name !== "redirect") assert.notEqual(error.billed, "no", `${name}: ${error.code}`);
    });
    assert.ok(
      world.requests.every(({ path }) => /^\/v1\/tasks(\/[^/?]+)?$/.test(path)),
      name,
    );
  }
});

test("the key's bytes are nowhere in the wasm memory", async () => {
  const memories = [];
  const { Instance } = WebAssembly;
  WebAssembly.Instance = class extends Instance {
    constructor(...parameters) {
      super(...parameters);
      memories.push(Object.values(this.exports).find((value) => value instanceof WebAssembly.Memory));
    }
  };
  try {
    const script = ({ method }) => (method === "POST" && Math.random() < 0 ? undefined : undefined);
    for (const apiKey of [KEY, async () => KEY]) {
      await run(createHiapi({ script, cap: 2 }), (client) => client.batch([request, request, request]).settled(), {
        providers: hiapi({ apiKey, headers: { "x-secret": KEY } }),
      });
    }
  } finally {
    WebAssembly.Instance = Instance;
  }
  assert.equal(memories.length, 2);
  for (const { buffer } of memories) {
    const memory = Buffer.from(buffer);
    assert.equal(memory.indexOf(KEY), -1);
    assert.equal(memory.indexOf(KEY.slice(0, 16)), -1);
    assert.equal(memory.indexOf(Buffer.from(KEY, "utf16le")), -1);
    assert.notEqual(memory.indexOf(request.model), -1, "the search finds what is there");
  }
});

test("the unread log holds no prompt and no key", async () => {
  const lines = [];
  const write = (...parts) => lines.push(parts.join(" "));
  const logger = { error: write, warn: write, info: write, debug: write };
  const world = createHiapi({
    cap: 1,
    script: ({ method, at }) => (method === "GET" && at < 3_000 ? new Response("no", { status: 503 }) : undefined),
  });
  await run(world, (client) => client.batch([request, request]).settled(), { logger, logLevel: "debug" });
  for (const line of lines)
    assert.ok(!line.includes(KEY) && !line.includes(request.prompt) && !line.includes("?"), line);
});
