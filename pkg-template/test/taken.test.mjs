// Nothing that was bought is lost, whatever its caller does: the built client over the simulated provider, whose ledger is the judge.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./fake-core.mjs";

const { createClient, creativeai, hiapi, ImageError, InvalidRequestError, openai, openaiCompatible } =
  await load("inline.js");
const { createSimulator } = await load("testing.js");

const requests = (count, what = "wave") =>
  Array.from({ length: count }, (_, index) => ({
    model: "gpt-image-2",
    prompt: `${what} ${index}`,
    size: "1024x1024",
  }));
const dialects = { hiapi, openai, creativeai };
const mapStore = (records = new Map()) => ({
  records,
  get: async (key) => records.get(key),
  put: async (key, record) => void records.set(key, record),
  delete: async (key) => void records.delete(key),
  async *all() {
    yield* [...records];
  },
});
/** What is left of tasks in a store, besides what was learned of lanes. */
const left = ({ records }) => [...records.keys()].filter((key) => !key.startsWith("tidegate lane"));

/** A client of one dialect, told how much it may do at once, and its simulator. */
const setUp = (dialect = "hiapi", { cap = 40, simulator = createSimulator({ cap }), ...options } = {}) => {
  const providers = { [dialect]: dialects[dialect]({ apiKey: "test", limits: { concurrency: cap } }) };
  const client = createClient({ providers, logLevel: "off", ...simulator.options, ...options });
  /** Lets virtual time pass. */
  const pass = (ms) => new Promise((resolve) => void simulator.options.testing.clock.setTimeout(resolve, ms));
  return { client, simulator, pass };
};
const resumeAll = async (client) => {
  const refs = await client.pending();
  const results = await Promise.all(refs.map((ref) => client.resume(ref)));
  for (const { image } of results) assert.ok((await image.bytes()).length > 100);
  return results;
};

for (const dialect of Object.keys(dialects)) {
  for (const [how, end] of [
    ["breaks", () => "break"],
    [
      "throws",
      () => {
        throw new Error("disk full");
      },
    ],
  ]) {
    test(`${dialect}: a slow loop that ${how} loses nothing: 40 paid, 1 taken, 39 pending and delivered by resume`, async () => {
      const { client, simulator, pass } = setUp(dialect);
      let taken = 0;
      try {
        for await (const item of client.batch(requests(40))) {
          assert.ok(item.ok);
          taken++;
          await pass(300_000);
          if (end() === "break") break;
        }
      } catch (error) {
        assert.equal(error.message, "disk full");
      }
      assert.deepEqual([taken, simulator.ledger().length], [1, 40]);
      assert.equal((await client.pending()).length, 39);
      const results = await resumeAll(client);
      assert.equal(new Set(results.map(({ image }) => image.url ?? image)).size, 39);
      assert.deepEqual([await client.pending(), simulator.ledger().length], [[], 40]);
      await client.close();
    });
  }

  test(`${dialect}: the next loop over the batch, and settled(), hand out the rest`, async () => {
    const { client, simulator, pass } = setUp(dialect);
    const batch = client.batch(requests(40));
    for await (const { ok } of batch) {
      assert.ok(ok);
      await pass(300_000);
      break;
    }
    let count = 0;
    for await (const { ok } of batch) {
      assert.ok(ok);
      if (++count === 9) break;
    }
    assert.equal((await client.pending()).length, 30);
    const { ok, failed } = await batch.settled();
    assert.deepEqual([ok.length, failed.length], [30, 0]);
    assert.deepEqual([await client.pending(), simulator.ledger().length], [[], 40]);
    await client.close();
  });

  test(`${dialect}: what is under way when a loop ends goes on, and resume joins it`, async () => {
    const { client, simulator, pass } = setUp(dialect, { cap: 4 });
    const batch = client.batch(requests(20));
    for await (const { ok } of batch) {
      assert.ok(ok);
      break;
    }
    const pending = await client.pending();
    assert.ok(pending.length >= 3 && pending.length <= 8, `${pending.length} pending`);
    const results = await resumeAll(client);
    await pass(300_000);
    const bought = results.length + 1;
    assert.deepEqual([simulator.stats().submits, simulator.ledger().length], [bought, bought], "nothing more is sent");
    assert.deepEqual(await client.pending(), []);
    const { ok, failed } = await batch.settled();
    assert.equal(ok.length + failed.length, 19);
    assert.ok(failed.every(({ error }) => error.code === "cancelled"));
    await client.close();
  });
}

test("the same batch id delivers from memory what was not taken, and buys nothing", async () => {
  for (const dialect of Object.keys(dialects)) {
    const { client, simulator, pass } = setUp(dialect);
    for await (const { ok } of client.batch(requests(12), { id: "run" })) {
      assert.ok(ok);
      await pass(300_000);
      break;
    }
    const { ok, failed } = await client.batch(requests(12), { id: "run" }).settled();
    const gone = dialect === "openai" ? 1 : 0;
    assert.deepEqual([ok.length, failed.length, simulator.ledger().length], [12 - gone, gone, 12]);
    for (const { error } of failed) assert.deepEqual([error.code, error.billed], ["expired", "yes"]);
    await client.close();
  }
});

test("another process has what the provider or an address still gives, and hears of the rest that it is paid for", async () => {
  for (const dialect of Object.keys(dialects)) {
    const store = mapStore();
    const { client, simulator, pass } = setUp(dialect, { store });
    for await (const { ok } of client.batch(requests(12))) {
      assert.ok(ok);
      await pass(300_000);
      break;
    }
    // The first process is gone without a word.
    const next = setUp(dialect, { store, simulator });
    const refs = await next.client.pending();
    assert.equal(refs.length, 11);
    const ends = await Promise.allSettled(refs.map((ref) => next.client.resume(ref)));
    const errors = ends.flatMap(({ reason }) => reason ?? []);
    assert.equal(errors.length, dialect === "openai" ? 11 : 0);
    for (const error of errors) {
      assert.deepEqual([error.code, error.billed, error.retryable], ["expired", "yes", false]);
      assert.match(error.message, /paid for.*keeps no images/);
    }
    assert.deepEqual([await next.client.pending(), left(store), simulator.ledger().length], [[], [], 12]);
    await client.close();
    await next.client.close();
  }
});

test("settled() takes all at the end and nothing before", async () => {
  const { client, simulator, pass } = setUp("hiapi", { cap: 4 });
  const all = client.batch(requests(12)).settled();
  await pass(45_000);
  const made = simulator.ledger().length;
  assert.ok(made >= 4 && made < 12, `${made} made`);
  assert.ok((await client.pending()).length >= made, "a crash now would lose none of them");
  assert.equal((await all).ok.length, 12);
  assert.deepEqual(await client.pending(), []);
  await client.close();
});

test("two readers at once are an error, and take nothing from each other", async () => {
  const { client, simulator } = setUp();
  const refused = (error) =>
    InvalidRequestError.is(error) && error.param === "batch" && /being read/.test(error.message);
  const batch = client.batch(requests(10));
  const all = batch.settled();
  await assert.rejects(async () => {
    for await (const item of batch) assert.fail(item.key);
  }, refused);
  assert.equal((await all).ok.length, 10);
  const other = client.batch(requests(10));
  let count = 0;
  for await (const item of other) {
    if (count++ === 0) {
      await assert.rejects(other.settled(), refused);
      await assert.rejects(other[Symbol.asyncIterator]().next(), refused);
    }
    assert.ok(item.ok);
  }
  assert.deepEqual([count, simulator.ledger().length], [10, 20]);
  assert.deepEqual(await other.settled(), { ok: [], failed: [] }, "nothing is left");
  await client.close();
});

test("a result counts as taken once somebody has it: awaited, watched to its end or looked at", async () => {
  const { client, pass } = setUp();
  const [request] = requests(1);
  const pending = async () => (await client.pending()).length;
  const forgotten = client.generate(request);
  await pass(120_000);
  assert.equal(await pending(), 1, "nobody has it");
  const { image } = await forgotten;
  assert.ok(image.url);
  assert.equal(await pending(), 0);

  await client.generate(request);
  assert.equal(await pending(), 0);

  for await (const { status } of client.generate(request)) if (status === "succeeded") break;
  assert.equal(await pending(), 0);

  const shown = client.generate(request);
  await pass(120_000);
  assert.deepEqual([await pending(), shown.state.status, await pending()], [1, "succeeded", 0]);

  const ref = await client.submit(request);
  await pass(120_000);
  assert.deepEqual(
    await client.pending(),
    [ref].map(({ parts, ...rest }) => ({ ...rest, parts })),
  );
  assert.equal((await client.resume(ref)).taskId, ref.parts[0].taskId);
  assert.equal(await pending(), 0);

  const unheard = [];
  client.on("update", ({ update }) => unheard.push(update.status));
  const listened = client.generate(request);
  await pass(120_000);
  assert.deepEqual([unheard.at(-1), await pending()], ["succeeded", 1], "a listener only watches");
  await listened;
  await client.close();
});

test("what was cancelled after its submit is there for whoever comes", async () => {
  for (const dialect of Object.keys(dialects)) {
    const { client, simulator, pass } = setUp(dialect);
    const task = client.generate(requests(1)[0]);
    await pass(2_000);
    await task.cancel();
    await assert.rejects(task, { code: "cancelled" });
    await pass(300_000);
    assert.equal((await client.pending()).length, 1);
    assert.equal((await resumeAll(client)).length, 1);
    assert.deepEqual([await client.pending(), simulator.ledger().length], [[], 1]);
    await client.close();
  }
});

test("a batch id or a key that comes with another request is an error that says so", async () => {
  const store = mapStore();
  const { client, simulator } = setUp("hiapi", { store });
  const wrong = ({ error }) => {
    assert.ok(InvalidRequestError.is(error));
    assert.deepEqual([error.param, error.billed], ["idempotencyKey", "no"]);
    assert.match(error.message, /"nightly:\d" belongs to another request/);
    return true;
  };
  assert.equal((await client.batch(requests(2, "cat"), { id: "nightly" }).settled()).ok.length, 2);
  const { ok, failed } = await client.batch(requests(2, "house"), { id: "nightly" }).settled();
  assert.deepEqual([ok.length, failed.filter(wrong).length, simulator.ledger().length], [0, 2, 2]);
  assert.equal((await client.batch(requests(2, "cat"), { id: "nightly" }).settled()).ok.length, 2);

  const [cat, dog] = [requests(1, "cat")[0], requests(1, "dog")[0]];
  // While it runs, when it is done and untaken, and in another process.
  const running = client.generate(cat, { idempotencyKey: "nightly:7" });
  const other = () => client.generate(dog, { idempotencyKey: "nightly:7" }).then(assert.fail, (error) => ({ error }));
  wrong(await other());
  await client.drain();
  wrong(await other());
  const next = setUp("hiapi", { store, simulator });
  const there = await next.client
    .generate(dog, { idempotencyKey: "nightly:7" })
    .then(assert.fail, (error) => ({ error }));
  wrong(there);
  assert.equal((await running).taskId, (await client.generate(cat, { idempotencyKey: "nightly:7" })).taskId);
  assert.equal(simulator.ledger().length, 3);
  await client.close();
  await next.client.close();
});

test("two items with one key: the second is an error, and nothing is bought twice", async () => {
  const { client, simulator } = setUp();
  for (const id of [undefined, "run"]) {
    const before = simulator.ledger().length;
    const items = requests(3).map((request, index) => ({ ...request, key: index === 2 ? "b" : "ab"[index] }));
    const { ok, failed } = await client.batch(items, { id }).settled();
    assert.deepEqual([ok.length, failed.map(({ key, error }) => [key, error.param])], [2, [["b", "key"]]]);
    assert.match(failed[0].error.message, /there twice in the batch: b/);
    assert.equal(simulator.ledger().length - before, 2);
  }
  await client.close();
});

test("what would be bought at the wrong place is refused before anything is sent", async () => {
  const { simulator } = setUp();
  const providers = {
    hiapi: hiapi({ apiKey: "test" }),
    openai: openai({ apiKey: "test" }),
    relay: openaiCompatible({ apiKey: "test", baseURL: "https://relay.example/v1" }),
  };
  const client = createClient({ providers, logLevel: "off", ...simulator.options });
  const [request] = requests(1);
  for (const [model, message] of [
    ["opneai/gpt-image-2", /Did you mean "openai"\?/],
    ["creativeai/gpt-image-2", /`providers`: \{ creativeai: creativeai\(…\) \}.*"hiapi\/creativeai\/gpt-image-2"/],
  ]) {
    await assert.rejects(client.generate({ ...request, model }), { param: "model", message });
  }
  await assert.rejects(client.generate({ ...request, providerOptions: { opneai: { a: 1 } } }), {
    param: "providerOptions.opneai",
    message: /none of this client's providers/,
  });
  assert.throws(() => createClient({ providers: [hiapi({ apiKey: "k" })] }), {
    param: "providers",
    message: /not an array/,
  });
  assert.equal(simulator.stats().submits, 0);
  const used = { hiapi: {}, openai: { user: "7" }, openaiCompatible: {} };
  await client.generate({ ...request, model: "black-forest-labs/flux", providerOptions: used });
  assert.equal(simulator.ledger().length, 1);
  await client.close();
});

test("a store that answers at once is as durable as one that promises to", async () => {
  const records = new Map();
  const lines = [];
  const line = (...parts) => lines.push(parts.join(" "));
  const store = {
    get: (key) => records.get(key),
    put: (key, record) => void records.set(key, record),
    delete: (key) => records.delete(key),
    all: () => records.entries(),
  };
  const logger = { error: line, warn: line, info: line, debug: line };
  const { client, pass } = setUp("hiapi", { store, logger, logLevel: "warn" });
  const [request] = requests(1);
  const ref = await client.submit(request);
  assert.ok(records.has(ref.idempotencyKey));
  assert.equal((await client.pending()).length, 1);
  await client.resume(ref);
  assert.deepEqual([left({ records }), lines], [[], []]);
  await pass(1);
  await client.close();
});

test("a store that throws is told of with its error, and what it could not write is found in this process", async () => {
  for (const fail of [
    () => {
      throw new Error("ECONNREFUSED redis:6379");
    },
    () => Promise.reject(new Error("ECONNREFUSED redis:6379")),
  ]) {
    const lines = [];
    const line = (...parts) => lines.push(parts.join(" "));
    const logger = { error: line, warn: line, info: line, debug: line };
    const store = { ...mapStore(), put: fail };
    const { client, pass } = setUp("hiapi", { store, logLevel: "warn", logger });
    const task = client.generate(requests(1)[0]);
    await pass(120_000);
    assert.ok(
      lines.some((line) => /the store fails.*Error: ECONNREFUSED redis:6379/.test(line)),
      lines.join("\n"),
    );
    assert.equal((await client.pending()).length, 1);
    await task;
    assert.deepEqual(await client.pending(), []);
    await client.close();
  }
});

test("retryFailed fetches what is paid for and buys only what is not", async () => {
  for (const dialect of ["hiapi", "creativeai"]) {
    const simulator = createSimulator({ cap: 8 });
    let down = true;
    const fetch = async (input, init) => {
      if (down && new URL(input).pathname.includes("/images/") && (init?.method ?? "GET") === "GET")
        throw new TypeError("fetch failed", { cause: Object.assign(new Error("x"), { code: "ECONNRESET" }) });
      return simulator.fetch(input, init);
    };
    const { client } = setUp(dialect, { simulator, fetch, cap: 8 });
    const batch = client.batch(requests(6), { retry: { maxRetries: 1 } });
    const { failed } = await batch.settled();
    assert.equal(failed.length, 6);
    for (const { error } of failed) {
      assert.deepEqual([error.code, error.billed, error.retryable], ["network", "yes", false]);
      assert.ok(error.ref);
      assert.match(error.message, /made and paid for.*https:\/\/\S+\.png: .*`resume`/);
      assert.ok(!error.message.includes("?"), error.message);
    }
    assert.equal((await client.pending()).length, 6);
    down = false;
    const { ok } = await batch.retryFailed().settled();
    assert.deepEqual([ok.length, simulator.ledger().length], [6, 6], dialect);
    for (const { result } of ok) assert.ok((await result.image.bytes()).length > 100);
    assert.deepEqual(await client.pending(), []);
    await client.close();
  }
});

test("drain waits for what waits or runs, and for what comes meanwhile; status outlives close", async () => {
  const { client, simulator } = setUp("hiapi", { cap: 4 });
  const empty = setUp().client;
  await empty.drain();
  await empty.close();
  assert.deepEqual(empty.status(), { lanes: [], waiting: 0, running: 0 });

  const batch = client.batch(requests(20));
  const all = batch.settled();
  const later = all.then(() => client.generate(requests(1, "late")[0]));
  await client.drain();
  assert.deepEqual([simulator.ledger().length, batch.progress.done], [21, 20]);
  await later;
  await client.close();
  const { lanes, waiting, running } = client.status();
  assert.deepEqual([lanes.length, lanes[0].limit, waiting, running], [1, 4, 0, 0]);
  await client.drain();

  // A batch that nobody reads holds nobody up: what it has not handed in waits nowhere.
  const unread = setUp("hiapi", { cap: 300 });
  const more = unread.client.batch(requests(300));
  await unread.client.drain();
  assert.deepEqual([unread.simulator.ledger().length, more.progress.done], [256, 256]);
  assert.equal((await unread.client.pending()).length, 256);
  await unread.client.close();
  assert.ok(ImageError.is((await more.settled()).failed[0].error));
});
