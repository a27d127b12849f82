// What a client learns of a key, the next one over the same store begins with.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./fake-core.mjs";

const { createClient, hiapi } = await load("inline.js");
const { createSimulator } = await load("testing.js");

const requests = (count) =>
  Array.from({ length: count }, (_, index) => ({ model: "gpt-image-2", prompt: `wave ${index}` }));
const mapStore = (records = new Map()) => ({
  records,
  get: async (key) => records.get(key),
  put: async (key, record) => void records.set(key, record),
  delete: async (key) => void records.delete(key),
  async *all() {
    yield* [...records];
  },
});

/** A batch of a process of its own, and what it looked like. */
const run = async (store, count, provider = { apiKey: "k" }) => {
  const simulator = createSimulator({ cap: 16 });
  const client = createClient({ providers: hiapi(provider), logLevel: "off", store, ...simulator.options });
  const { ok } = await client.batch(requests(count), { download: false }).settled();
  const pending = await client.pending();
  const limit = client.status().lanes[0].limit;
  const { limits } = await client.check();
  await client.close();
  return { ok: ok.length, pending, limit, limits, refusals: simulator.stats().refusals };
};

test("a second client begins at the limit that the first one learned", async () => {
  const store = mapStore();
  const first = await run(store, 120);
  assert.deepEqual([first.ok, first.pending, first.limit], [120, [], 16]);
  assert.ok(first.refusals > 0, "it had to be found");
  const keys = [...store.records.keys()];
  assert.equal(keys.length, 1);
  assert.match(keys[0], /^tidegate lane [0-9a-f]{32}$/);
  const { v, at, limit, bounded, lane } = JSON.parse(store.records.get(keys[0]));
  assert.deepEqual([v, limit, bounded, lane], [1, 16, true, "hiapi https://api.hiapi.ai hiapi"]);
  assert.ok(at > 1_600_000_000_000);
  assert.ok(!store.records.get(keys[0]).includes('"k"'));

  const second = await run(store, 16);
  assert.deepEqual([second.ok, second.refusals, second.limit], [16, 0, 16], "all at once, and nothing tried");
  assert.deepEqual(second.limits, { concurrency: 16 });
  const told = await run(store, 8, { apiKey: "k", limits: { concurrency: 2 } });
  assert.deepEqual([told.ok, told.limit], [8, 2], "what is told goes before what was learned");
});

test("what is old, foreign or nonsense in the store is not believed", async () => {
  const store = mapStore();
  await run(store, 120);
  const [[key, text]] = store.records;
  const known = JSON.parse(text);
  for (const odd of [
    { ...known, at: known.at - 8 * 24 * 3_600_000 },
    { ...known, v: 2 },
    { ...known, limit: 1e9 },
    { ...known, lane: "hiapi https://elsewhere.test hiapi" },
    { ...known, limit: null },
    [],
    "16",
  ]) {
    const again = await run(mapStore(new Map([[key, JSON.stringify(odd)]])), 2);
    assert.deepEqual([again.ok, again.limit], [2, 4], JSON.stringify(odd));
  }
  for (const text of [
    "{torn",
    "",
    "[".repeat(100_000) + "]".repeat(100_000),
    `{"a":"${"x".repeat(5e6)}"}`,
    7,
    { v: 1 },
  ]) {
    const again = await run(mapStore(new Map([[key, text]])), 2);
    assert.deepEqual([again.ok, again.limit, again.pending], [2, 4, []], String(text).slice(0, 20));
  }
});

test("a store that fails or is silent changes nothing", async () => {
  const broken = async () => {
    throw new Error("disk");
  };
  const failing = { get: broken, put: broken, delete: broken, all: mapStore().all };
  assert.deepEqual((await run(failing, 2)).ok, 2);
  const silent = { ...mapStore(), get: () => new Promise(() => {}) };
  assert.deepEqual((await run(silent, 2)).ok, 2);
});

test("a store that never writes holds up neither tasks nor close, and says so once", async () => {
  const simulator = createSimulator();
  const told = [];
  const logger = { error: assert.fail, warn: (line) => told.push(line), info: assert.fail, debug: assert.fail };
  const store = { ...mapStore(), put: () => new Promise(() => {}), delete: () => new Promise(() => {}) };
  const client = createClient({
    providers: hiapi({ apiKey: "k" }),
    logger,
    logLevel: "warn",
    store,
    ...simulator.options,
  });
  const { timing } = await client.generate(requests(1)[0]);
  assert.ok(timing.waitedMs >= 10_000 && timing.waitedMs < 10_500, `${timing.waitedMs} ms`);
  assert.ok((await client.generate(requests(2)[1])).timing.waitedMs < 500, "the next one doesn't wait for it");
  const before = simulator.now();
  await client.close();
  assert.ok(simulator.now() - before <= 10_500, `${simulator.now() - before} ms`);
  assert.equal(told.length, 1, told.join());
  assert.match(told[0], /store/);
  assert.equal(simulator.ledger().length, 2);
});
