import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestClient, createWorld, json, load, plainResult, settle, tidegate } from "./fake-core.mjs";

const { CancelledError, InvalidRequestError } = tidegate;
const request = { model: "m", prompt: "a boat" };
const ok = async () => json({});
const memory = (records = new Map()) => ({
  records,
  get: async (key) => records.get(key),
  put: async (key, record) => void records.set(key, record),
  delete: async (key) => void records.delete(key),
  async *all() {
    yield* records;
  },
});

test("pending reads the store; what cannot be parsed is not a task", async () => {
  const store = memory(
    new Map([
      ["a", '{"key":"a"}'],
      ["torn", '{"key"'],
    ]),
  );
  const { client } = createTestClient(ok, { store });
  assert.deepEqual(await client.pending(), [{ v: 1, idempotencyKey: "a", parts: [] }]);
  store.all = async function* () {
    throw new Error("disk");
  };
  await assert.rejects(client.pending(), /disk/);
});

test("pending is what there is when it is asked for, whatever comes and goes while it is read", async () => {
  const { client, world } = createTestClient(ok);
  client.status();
  const [{ host }] = world.cores;
  for (const key of ["a", "b"]) host.put(1, key, JSON.stringify({ key }));
  const pending = client.pending();
  await undefined;
  host.remove("a");
  for (const key of ["a", "c"]) host.put(2, key, JSON.stringify({ key }));
  const keys = (await pending).map(({ idempotencyKey }) => idempotencyKey);
  assert.deepEqual(keys, ["a", "b"]);
});

test("resume by ref, by { provider, taskId }, by key", async () => {
  const { client, world } = createTestClient(ok);
  const ref = {
    v: 1,
    idempotencyKey: "k",
    parts: [{ index: 0, provider: "hiapi", model: "m", taskId: "t", idempotencyKey: "k" }],
  };
  assert.equal(client.resume(ref).idempotencyKey, "k");
  client.resume({ provider: "hiapi", taskId: "t2" }, { download: true });
  client.resume("k3");
  assert.deepEqual(world.named("resume"), [
    [1, 0, ref, {}, undefined],
    [2, 0, { provider: "hiapi", taskId: "t2" }, { download: true }, undefined],
    [3, 0, "k3", {}, undefined],
  ]);
});

test("the core's look-ups go to the store", async () => {
  const store = memory(new Map([["a", '{"key":"a"}']]));
  const { client, world } = createTestClient(ok, { store });
  client.status();
  const [{ host }] = world.cores;
  host.load(7, "a");
  host.load(8, "none");
  await settle();
  assert.deepEqual(world.named("loaded"), [
    [7, { key: "a" }],
    [8, undefined],
  ]);
});

test("a store that fails is told once, with its error, and the core goes on", async () => {
  const lines = [];
  const logger = { error() {}, warn: (...a) => lines.push(a), info() {}, debug() {} };
  const cause = new TypeError("connect ECONNREFUSED");
  const fail = () => {
    throw cause;
  };
  const store = { get: fail, put: async () => fail(), delete: fail, all: fail };
  const { client, world } = createTestClient(ok, { store, logger, logLevel: "warn" });
  await Promise.all([client.generate(request), client.generate(request, { idempotencyKey: "k" })]);
  assert.deepEqual(world.named("stored"), [
    [1, false],
    [2, false],
  ]);
  assert.deepEqual(lines, [["tidegate: the store fails, going on without it", cause]]);
});

test("at debug there is a line for each request, without what stands in its query", async () => {
  const lines = [];
  const logger = { error: assert.fail, warn: assert.fail, info: assert.fail, debug: (line) => lines.push(line) };
  let calls = 0;
  const fetch = async () => {
    if (++calls === 2) throw new TypeError("reset");
    return json({});
  };
  const { client, world } = createTestClient(fetch, { logger, logLevel: "debug" });
  world.onAnswer = (core, call) =>
    core.host.settle(call.task, "succeeded", plainResult({ images: [{ url: "https://i.test/1.png?signature=s" }] }));
  const { image } = await client.generate(request);
  await assert.rejects(image.bytes(), { code: "network" });
  assert.deepEqual(
    lines.map((line) => line.replace(/\d+ ms$/, "N ms")),
    [
      "tidegate: POST https://api.test/v1/tasks: 200 after N ms",
      "tidegate: POST https://i.test/1.png: no answer after N ms",
    ],
  );
});

test("writes of one key keep their order, whatever the store makes of them", async () => {
  const done = [];
  let first;
  const store = {
    ...memory(),
    put: (key, record) =>
      (record === "1" ? new Promise((r) => (first = r)) : Promise.resolve()).then(
        () => void done.push(`put ${key} ${record}`),
      ),
    delete: async (key) => void done.push(`delete ${key}`),
  };
  const { client, world } = createTestClient(ok, { store });
  client.status();
  const [{ host }] = world.cores;
  host.put(1, "a", "1");
  host.put(2, "a", "2");
  host.remove("a");
  host.put(3, "b", "x");
  await settle();
  assert.deepEqual(done, ["put b x"]);
  first();
  await settle();
  assert.deepEqual(done, ["put b x", "put a 1", "put a 2", "delete a"]);
  assert.deepEqual(world.named("stored"), [
    [3, true],
    [1, true],
    [2, true],
  ]);
});

test("listeners hear events; one that throws is told in the log and ends nothing", async () => {
  const lines = [];
  const logger = { error: (...a) => lines.push(a.join(" ")), warn() {}, info() {}, debug: assert.fail };
  const fetch = async () => json({}, { headers: { "x-request-id": "r" } });
  const { client, world } = createTestClient(fetch, { logger, logLevel: "error" });
  const seen = [];
  const controller = new AbortController();
  client.on("update", () => {
    throw new Error("mine");
  });
  const off = client.on("update", (event) => seen.push(event));
  client.on("http", (event) => seen.push(event), { signal: controller.signal });
  const result = await client.generate(request, { tenant: "t", metadata: { a: "b" } });
  const [http, ...rest] = seen.splice(0);
  assert.ok(http.ms >= 0);
  assert.deepEqual(http, {
    method: "POST",
    url: "https://api.test/v1/tasks",
    status: 200,
    ms: http.ms,
    requestId: "r",
  });
  assert.deepEqual(rest, [
    { idempotencyKey: "made-1", update: { status: "succeeded", result }, tenant: "t", metadata: { a: "b" } },
  ]);
  assert.deepEqual(lines, ['tidegate: a listener of "update" has thrown Error: mine']);
  const [{ host }] = world.cores;
  assert.ok(host.listens("http") && !host.listens("refusal"));
  const offLimit = client.on("limit", (event) => seen.push(event));
  host.event("limit", { limit: 1 });
  offLimit();
  controller.abort();
  assert.ok(!host.listens("http"));
  host.event("limit", { limit: 2 });
  off();
  await client.generate(request);
  assert.deepEqual(seen, [{ limit: 1 }]);
  const wrong = [
    [["breaker", () => {}], "event"],
    [["update"], "listener"],
    [["update", () => {}, { signal: 1 }], "signal"],
  ];
  for (const [parameters, param] of wrong)
    assert.throws(
      () => client.on(...parameters),
      (error) => InvalidRequestError.is(error) && error.param === param,
    );
});

test("the log: levels, console as the default, looked up at each call", () => {
  const { warn, info } = console;
  const lines = [];
  try {
    console.warn = (...a) => lines.push(a.join(" "));
    console.info = () => assert.fail("below the level");
    const { client, world } = createTestClient(ok, { logLevel: undefined });
    client.status();
    for (const level of ["warn", "info", "debug"]) world.cores[0].host.log(level, "x");
  } finally {
    Object.assign(console, { warn, info });
  }
  assert.deepEqual(lines, ["tidegate: x"]);
});

test("timers: one an owner, replaced unless it is for the same time, taken back, never beyond 2^31 - 1, looked up at each call", () => {
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  const { client, world } = createTestClient(ok);
  client.status();
  const [{ host }] = world.cores;
  const timers = [];
  try {
    globalThis.setTimeout = (callback, ms) => timers.push({ callback, ms });
    globalThis.clearTimeout = (id) => (timers[id - 1].cleared = true);
    performance.now = () => 100.5;
    host.arm(0, 102);
    host.arm(0, 105.5);
    host.arm(0, 105.5);
    host.arm(0, -1);
    host.arm(0, 1e12);
    host.arm(1, 107);
  } finally {
    Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
    delete performance.now;
  }
  assert.deepEqual(
    timers.map(({ ms, cleared }) => [ms, cleared]),
    [
      [2, true],
      [5, true],
      [2 ** 31 - 1, undefined],
    ],
    "those of another owner are its own business",
  );
  timers[2].callback();
  assert.deepEqual(world.named("wake"), [[0]]);
});

test("a clock of your own", () => {
  const timers = [];
  const clock = {
    now: () => 42,
    setTimeout: (callback, ms) => (timers.push([ms, callback]), () => timers.push("cancelled")),
  };
  const { client, world } = createTestClient(ok, { testing: { clock, seed: 1 } });
  client.status();
  const [{ host }] = world.cores;
  assert.equal(host.now(), 42);
  host.arm(0, 52);
  host.arm(0, -1);
  assert.equal(timers[0][0], 10);
  assert.equal(timers[1], "cancelled");
});

test("clocks are looked up at each call", () => {
  const { client, world } = createTestClient(ok);
  client.status();
  const [{ host }] = world.cores;
  const { now } = Date;
  const { performance } = globalThis;
  try {
    Date.now = () => 1;
    Object.defineProperty(globalThis, "performance", { value: { now: () => 2 }, configurable: true, writable: true });
    assert.deepEqual([host.wall(), host.now()], [1, 2]);
  } finally {
    Date.now = now;
    Object.defineProperty(globalThis, "performance", { value: performance, configurable: true, writable: true });
  }
});

test("close ends what waits, waits for the store, and refuses what follows", async () => {
  let written;
  const store = { ...memory(), put: () => new Promise((resolve) => (written = resolve)) };
  const { client, world } = createTestClient(() => assert.fail("sent"), { store });
  const task = client.generate(request);
  await settle();
  world.cores[0].host.arm(0, 1e6);
  let closed = false;
  const closing = client.close().then(() => (closed = true));
  await assert.rejects(task, CancelledError);
  await settle();
  assert.equal(closed, false);
  written();
  await closing;
  await client.close();
  await client[Symbol.asyncDispose]();
  assert.equal(world.named("close").length, 1);
  await assert.rejects(client.generate(request), CancelledError);
  await assert.rejects(client.resume("k"), CancelledError);
  await assert.rejects(client.pending(), CancelledError);
  assert.deepEqual(client.status().lanes, [], "as it was last");
  const { failed } = await client.batch([request]).settled();
  assert.ok(CancelledError.is(failed[0].error));
  assert.equal(world.cores.length, 1);
});

test("a client that never started closes without a core", async () => {
  const { client, world } = createTestClient(ok);
  await client.close();
  assert.equal(world.cores.length, 0);
});

test("on Workers each call owns its effects, and asks for its own key", async () => {
  const elsewhere = createTestClient(ok);
  elsewhere.client.status();
  let asked = 0;
  const world = createWorld();
  world.use(true);
  const client = tidegate.createClient({
    providers: tidegate.hiapi({ apiKey: async () => `k${++asked}` }),
    fetch: ok,
    logLevel: "off",
  });
  const batch = client.batch([request, request]);
  await Promise.all([client.generate(request), client.generate(request), batch.settled()]);
  assert.deepEqual(
    world.named("submit").map(([, owner]) => owner),
    [1, 1, 2, 3],
  );
  assert.equal(asked, 4);
  // Of the six connections of a Worker's request, the core leaves some to submits.
  assert.deepEqual(
    [elsewhere.world, world].map(({ cores }) => cores[0].config.connections),
    [undefined, 6],
  );
});

test("long strings of answers stay here under a number, and go with the answer unless they are kept for a task", async () => {
  const long = "iVBOR".repeat(1_000);
  const { client, world } = createTestClient(async () => json({ image: long }));
  const trees = [];
  const end = (task) => {
    const plain = plainResult({ images: [{ mediaType: "image/png", handle: trees.length }] });
    world.cores[0].host.settle(task, "succeeded", plain);
  };
  world.onAnswer = (core, call, status, headers, kind, { head }) => {
    trees.push([kind, new TextDecoder().decode(head)]);
    if (trees.length === 1) core.host.keep(1, call.task);
  };
  const tasks = [client.generate(request), client.generate(request)];
  await settle();
  assert.deepEqual(
    trees,
    [1, 2].map((held) => [7, `{"image":"\x01${held} ${long.slice(0, 64)}"}`]),
  );
  trees.length = 1;
  end(1);
  await assert.rejects((await tasks[0]).image.bytes(), /not an image/);
  trees.length = 2;
  end(2);
  void (await tasks[1]).image.bytes().catch(() => {});
  assert.equal(world.named("download").length, 1, "what was not kept is gone");
});

test("start: without a module slim says what is missing; bytes are compiled, once", async () => {
  const { start, provide } = await load("start.js");
  const given = [];
  const world = createWorld();
  provide((module) => (given.push(module), world.instantiate()));
  const client = tidegate.createClient({ providers: tidegate.hiapi({ apiKey: "k" }) });
  // The module of the tests before stays: starting is idempotent.
  client.status();
  start(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
  assert.deepEqual(given, [{ module: true }]);
});
