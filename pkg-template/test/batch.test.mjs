import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestClient, json, plainResult, settle, tidegate } from "./fake-core.mjs";

const { CancelledError, InvalidRequestError } = tidegate;
const request = { model: "m", prompt: "a boat" };
const requests = (count) => Array.from({ length: count }, () => request);
const ok = async () => json({});
const collect = async (batch) => {
  const items = [];
  for await (const item of batch) items.push(item);
  return items;
};
/** Ends the tasks of a world by hand. */
const byHand = (world) => {
  world.sends = false;
  const host = () => world.cores[0].host;
  return {
    succeed: (task) => host().settle(task, "succeeded", plainResult()),
    fail: (task, fields) =>
      host().settle(task, "failed", { code: "server-error", message: "x", retryable: true, billed: "no", ...fields }),
  };
};

test("items come as they complete, under their index, with a batch's defaults", async () => {
  const { client, world } = createTestClient(ok);
  const { succeed, fail } = byHand(world);
  const batch = client.batch(requests(3), { tenant: "t" });
  const items = collect(batch);
  await settle();
  assert.deepEqual(batch.progress, { total: 3, done: 0, failed: 0, running: 0, waiting: 3 });
  world.cores[0].host.update(1, { status: "submitting", target: {}, attempt: 1 });
  succeed(3);
  fail(2);
  await settle();
  assert.deepEqual(batch.progress, { total: 3, done: 1, failed: 1, running: 1, waiting: 0 });
  world.eta = 7_000;
  assert.equal(batch.progress.etaMs, 7_000);
  succeed(1);
  assert.deepEqual(
    (await items).map(({ key, ok }) => [key, ok]),
    [
      [2, true],
      [1, false],
      [0, true],
    ],
  );
  assert.deepEqual(
    world.named("submit").map(([, , , options]) => options),
    Array(3).fill({ download: true, priority: "batch", tenant: "t", batch: 1 }),
  );
});

test("or in the order of the input", async () => {
  const { client, world } = createTestClient(ok);
  const { succeed, fail } = byHand(world);
  const items = collect(client.batch(requests(4), { order: "input" }));
  await settle();
  for (const task of [4, 2, 1]) succeed(task);
  fail(3);
  assert.deepEqual(
    (await items).map(({ key, ok }) => [key, ok]),
    [
      [0, true],
      [1, true],
      [2, false],
      [3, true],
    ],
  );
});

test("each item has its own key, tenant, weight and metadata; options give the rest", async () => {
  const { client, world } = createTestClient(ok);
  const items = [
    { ...request, key: "a", tenant: "own", weight: 2, metadata: { x: "y" }, idempotencyKey: "mine" },
    { ...request, key: "b" },
  ];
  const { ok: good, failed } = await client
    .batch(items, { tenant: "all", download: false, priority: "interactive" })
    .settled();
  assert.deepEqual(new Set(good.map(({ key }) => key)), new Set(["a", "b"]));
  assert.deepEqual(failed, []);
  const byKey = Object.fromEntries(
    world.named("submit").map(([, , sent, options]) => [options.idempotencyKey ?? "none", { sent, options }]),
  );
  assert.deepEqual(byKey.mine, {
    sent: request,
    options: {
      download: false,
      priority: "interactive",
      tenant: "own",
      weight: 2,
      metadata: { x: "y" },
      idempotencyKey: "mine",
      keep: true,
      batch: 1,
    },
  });
  assert.deepEqual(byKey.none, {
    sent: request,
    options: { download: false, priority: "interactive", tenant: "all", batch: 1 },
  });
});

test("an id makes keys of itself and the items' keys", async () => {
  const { client, world } = createTestClient(ok);
  const key = async (requests, id) => {
    const from = world.named("submit").length;
    await client.batch(requests, { id }).settled();
    return world
      .named("submit")
      .slice(from)
      .map(([, , , options]) => options.idempotencyKey);
  };
  assert.deepEqual(await key(requests(2), "run 1"), ["run%201:0", "run%201:1"]);
  assert.deepEqual(await key([{ ...request, key: "b:c" }], "a"), ["a:b%3Ac"]);
  assert.deepEqual(await key([{ ...request, key: "c" }], "a:b"), ["a%3Ab:c"]);
  const { failed } = await client
    .batch(
      [
        { ...request, key: "x" },
        { ...request, key: "x" },
        { ...request, key: {} },
        { ...request, key: "\ud800" },
      ],
      { id: "d" },
    )
    .settled();
  assert.deepEqual(
    failed.map(({ error }) => [InvalidRequestError.is(error), error.param]),
    Array(3).fill([true, "key"]),
  );
});

test("what is wrong fails its item, never the batch", async () => {
  const { client } = createTestClient(ok);
  const { ok: good, failed } = await client.batch([request, null, "x", { ...request, weight: -1 }]).settled();
  assert.deepEqual(
    good.map(({ key }) => key),
    [0],
  );
  assert.deepEqual(
    failed.map(({ key, error }) => [key, error.param]),
    [
      [1, "request"],
      [2, "request"],
      [3, "weight"],
    ],
  );
  for (const [bad, param] of [
    [{ ordr: "input" }, "ordr"],
    [{ order: "random" }, "order"],
    [{ idempotencyKey: "k" }, "idempotencyKey"],
    [null, "options"],
  ]) {
    const all = await client.batch(requests(2), bad).settled();
    assert.deepEqual(
      all.failed.map(({ error }) => error.param),
      [param],
    );
  }
  for (const bad of [undefined, 5, "text", {}]) {
    const { failed } = await client.batch(bad).settled();
    assert.deepEqual(
      failed.map(({ key, error }) => [key, error.param]),
      [[0, "requests"]],
    );
  }
});

test("a source that throws ends the batch with one failed item more; what was bought is delivered", async () => {
  const { client } = createTestClient(ok);
  const cause = new Error("file gone");
  const source = async function* () {
    yield request;
    throw cause;
  };
  for (const order of ["completion", "input"]) {
    const { ok: good, failed } = await client.batch(source(), { order }).settled();
    assert.deepEqual([good.length, failed.length, failed[0].key, failed[0].error.cause], [1, 1, 1, cause]);
  }
});

test("a window of 256 runs ahead of the consumer", async () => {
  const { client } = createTestClient(ok);
  let pulled = 0;
  let closed = false;
  const source = async function* () {
    try {
      for (;;) yield (pulled++, request);
    } finally {
      closed = true;
    }
  };
  const batch = client.batch(source());
  await settle(3000);
  assert.equal(pulled, 256);
  assert.deepEqual(batch.progress, { done: 256, failed: 0, running: 0, waiting: 0 });
  let seen = 0;
  for await (const { ok } of batch) {
    assert.ok(ok);
    await settle(200);
    assert.equal(pulled, 256 + ++seen);
    if (seen === 5) break;
  }
  await settle();
  assert.ok(closed, "leaving the loop closes the source");
  assert.equal(pulled, 261);
});

test("leaving the loop aborts what is under way", async () => {
  const { client, world } = createTestClient(ok);
  const { succeed } = byHand(world);
  const batch = client.batch(requests(3));
  await settle();
  succeed(1);
  for await (const item of batch) {
    assert.equal(item.key, 0);
    break;
  }
  assert.deepEqual(world.named("cancel"), [[2], [3]]);
  await settle();
  assert.deepEqual(batch.progress, { total: 3, done: 1, failed: 2, running: 0, waiting: 0 });
});

test("abort ends items as cancelled, with its reason; in the same tick nothing is sent", async () => {
  const { client, world } = createTestClient(() => assert.fail("sent"));
  const stopped = client.batch(requests(3));
  stopped.abort("enough");
  const { ok: good, failed } = await stopped.settled();
  assert.equal(good.length, 0);
  assert.deepEqual(
    failed.map(({ key, error }) => [key, CancelledError.is(error), error.cause]),
    [0, 1, 2].map((key) => [key, true, "enough"]),
  );
  const controller = new AbortController();
  const signalled = client.batch(requests(2), { signal: controller.signal });
  controller.abort(new Error("why"));
  assert.deepEqual(
    (await signalled.settled()).failed.map(({ error }) => error.cause.message),
    ["why", "why"],
  );
  const before = await client.batch(requests(2), { signal: AbortSignal.abort() }).settled();
  assert.deepEqual(before, { ok: [], failed: [] });
  assert.deepEqual(world.named("stored"), []);
});

test("one listener on the caller's signal, and none at the end", async () => {
  const { client } = createTestClient(ok);
  const { signal } = new AbortController();
  const { addEventListener: add, removeEventListener: remove } = signal;
  let [added, removed] = [0, 0];
  signal.addEventListener = (...a) => (added++, add.apply(signal, a));
  signal.removeEventListener = (...a) => (removed++, remove.apply(signal, a));
  await client.batch(requests(50), { signal }).settled();
  assert.equal(added, 1);
  assert.ok(removed >= 1);
});

test("an async source that is stuck holds up no abort", async () => {
  const { client } = createTestClient(ok);
  const stuck = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) };
  const batch = client.batch(stuck);
  const items = collect(batch);
  await settle();
  batch.abort();
  assert.deepEqual(await items, []);
});

test("retryFailed buys anew what may be bought anew, once", async () => {
  const { client, world } = createTestClient(ok);
  const { succeed, fail } = byHand(world);
  const batch = client.batch(
    ["a", "b", "c", "d"].map((key) => ({ ...request, key, idempotencyKey: `own-${key}`, tenant: key })),
    { id: "run" },
  );
  const all = batch.settled();
  await settle();
  succeed(1);
  fail(2);
  fail(3, { billed: "unknown" });
  fail(4, { retryable: false });
  await all;
  const again = batch.retryFailed();
  await settle();
  const submits = world.named("submit").slice(4);
  assert.deepEqual(
    submits.map(([, , , options]) => options),
    [{ download: true, priority: "batch", tenant: "b", batch: 2 }],
  );
  succeed(submits[0][0]);
  assert.deepEqual(
    (await again.settled()).ok.map(({ key }) => key),
    ["b"],
  );
  assert.deepEqual(await batch.retryFailed().settled(), { ok: [], failed: [] });
  const chosen = batch.retryFailed(({ retryable }) => !retryable);
  await settle();
  assert.deepEqual(
    world
      .named("submit")
      .slice(5)
      .map(([, , , options]) => options.tenant),
    ["d"],
  );
  chosen.abort();
});

test("a wrong option is one failure of the batch, and its source is not read", async () => {
  const { client, world } = createTestClient(ok);
  let pulled = 0;
  const source = (function* () {
    for (;;) yield (pulled++, request);
  })();
  const batch = client.batch(source, { maxRetries: 3 });
  const { ok: none, failed } = await batch.settled();
  assert.deepEqual([none.length, failed.length, pulled], [0, 1, 0]);
  assert.equal(failed[0].error.message, "maxRetries: is not an option; did you mean `retry.maxRetries`?");
  assert.deepEqual(batch.progress, { total: 1, done: 0, failed: 1, running: 0, waiting: 0 });
  assert.deepEqual(world.named("submit"), []);
});

test("pause and resume", async () => {
  const { client, world } = createTestClient(ok);
  let pulled = 0;
  const source = (function* () {
    for (; pulled < 400;) yield (pulled++, request);
  })();
  const batch = client.batch(source);
  batch.pause();
  batch.pause();
  const items = collect(batch);
  await settle();
  assert.equal(pulled, 256);
  assert.deepEqual(world.named("pause"), [[1, true]]);
  assert.deepEqual(world.named("stored"), []);
  batch.resume();
  assert.equal((await items).length, 400);
  assert.deepEqual(world.named("pause"), [
    [1, true],
    [1, false],
  ]);
});

test("memory as the store is said once, to whom it may concern", async () => {
  const lines = [];
  const logger = { error() {}, warn() {}, info: (...a) => lines.push(a.join(" ")), debug() {} };
  const { client } = createTestClient(ok, { logger, logLevel: "info" });
  await client.batch([request]).settled();
  await client.batch([request]).settled();
  assert.deepEqual(lines.length, 1);
  assert.match(lines[0], /memory only/);
});
