// One client at module scope in workerd, as `cargo xtask test` runs it: each story on an old and a new compatibility date, each with a key and so a quota of its own.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { admin, charges, dates, pause, start, until, world } from "./support.mjs";

const CROSSED = /different request|never generate a response|hung/;
/** A permit that a dead request had is back after this, with all that a busy machine adds; the law's own figure is in tests/engine.rs, in virtual time. */
const SOON = 25;
/** What runs side by side. */
const TOGETHER = 3;

let stories = [];
let keys = 10;

const story = (title, tell, options = {}) => stories.push({ title, tell, options });

/** Runs the stories told since the last time, in a world with these settings. */
const run = (settings) => {
  const told = stories;
  stories = [];
  const { concurrency } = settings;
  test(JSON.stringify(settings), { concurrency: TOGETHER }, async (t) => {
    await world(settings);
    const all = told.flatMap(({ title, tell, options }) =>
      dates.map((date) =>
        t.test(`${title} (${date})`, async () => {
          const worker = await start({ date, key: `key-of-story-${++keys}`, cap: concurrency, ...options });
          try {
            await tell(worker);
            await clean(worker);
          } finally {
            await worker.stop();
          }
        }),
      ),
    );
    await Promise.all(all);
    const { refused_slots } = await admin("stats");
    assert.equal(refused_slots, 0, "more at once than the cap allows");
  });
};

/** Nothing of one request was done, awaited or settled in another. */
const clean = async ({ call, said, reports, allowed = [] }) => {
  const { violations, fetches } = reports ? await call("report") : { violations: [], fetches: [] };
  assert.deepEqual(violations, []);
  assert.deepEqual(
    said.filter((text) => CROSSED.test(text)),
    [],
  );
  for (const { by, prompt, url } of fetches) {
    assert.ok(by !== undefined, `a fetch in nobody's context: ${url}`);
    if (prompt) assert.ok(by.startsWith(prompt) || allowed.includes(prompt), `${prompt} was submitted by ${by}`);
  }
};

const seconds = async (promise) => {
  const start = performance.now();
  const value = await promise;
  assert.equal(value.error, undefined, `${value.error}: ${value.message}`);
  return (performance.now() - start) / 1000;
};
const drawn = (answer) => assert.equal(answer.kind, "PNG", `${answer.error}: ${answer.message}`);
const accepted = (worker, name) =>
  until(`${name} is accepted`, async () => {
    const { fetches } = await worker.call("report");
    return fetches.some(({ by, method }) => by === name && method === "GET");
  });
const submitted = (worker, name) =>
  until(`${name} is submitted`, async () => {
    const { fetches } = await worker.call("report");
    return fetches.some(({ prompt }) => prompt === name);
  });

story("a request that waits is hung up on: its turn goes to the next", async (worker) => {
  const first = worker.call("generate", { name: "first" });
  await submitted(worker, "first");
  const gone = worker.call("generate", { name: "gone" });
  await pause(400);
  await gone.hangUp();
  await pause(100);
  const next = worker.call("generate", { name: "next" });
  drawn(await first);
  assert.ok((await seconds(next)) < SOON);
  assert.deepEqual(await charges(worker.key), ["first", "next"]);
  assert.deepEqual((await worker.call("drained", { within: 15_000 })).items, [0]);
});

story(
  "a request is hung up on while its task runs: the slot is back once the task is seen to be over",
  async (worker) => {
    const gone = worker.call("generate", { name: "gone" });
    await accepted(worker, "gone");
    await gone.hangUp();
    await pause(100);
    assert.ok((await seconds(worker.call("generate", { name: "next" }))) < SOON);
    assert.deepEqual((await worker.call("drained", { within: 15_000 })).items, [0]);
    // Paid for and not delivered: it stays resumable.
    const [ref] = (await worker.call("pending")).items;
    drawn(await worker.call("resume", { ref }));
    assert.deepEqual(await charges(worker.key), ["gone", "next"]);
    assert.deepEqual((await worker.call("pending")).items, []);
  },
);

story("a request cancels by its signal: nobody else notices", async (worker) => {
  const first = worker.call("generate", { name: "first" });
  await submitted(worker, "first");
  const waits = worker.call("generate", { name: "waits", cancelAfter: 100 });
  const next = worker.call("generate", { name: "next" });
  assert.match((await waits).message, /enough/);
  drawn(await first);
  drawn(await next);
  const runs = await worker.call("generate", { name: "runs", cancelAfter: 300 });
  assert.match(runs.message, /enough/);
  drawn(await worker.call("generate", { name: "last" }));
  assert.deepEqual(await charges(worker.key), ["first", "last", "next", "runs"]);
});

story("a task goes on after its response where waitUntil keeps its context", async (worker) => {
  const ref = await worker.call("background", { name: "behind" });
  assert.equal(ref.parts.length, 1);
  const done = async () => (await worker.call("report")).fetches.find(({ method }) => method === "DONE");
  assert.deepEqual(await until("it is done", done), { by: "behind", method: "DONE", url: "behind" });
  assert.deepEqual((await worker.call("pending")).items, []);
  assert.deepEqual(await charges(worker.key), ["behind"]);
});

story(
  "a task whose request has gone is found by its key, in this isolate's store or in one that all share",
  async (worker) => {
    const options = { idempotencyKey: "order-7" };
    const ref = await worker.call("submit", { name: "order", options });
    const joined = worker.call("generate", { name: "order", options });
    assert.equal((await joined).taskId, ref.parts[0].taskId);
    await worker.call("anew");
    const again = await worker.call("generate", { name: "order", options });
    assert.equal(again.taskId, ref.parts[0].taskId);
    assert.deepEqual(await charges(worker.key), ["order"]);
  },
  { options: { kvNamespaces: ["KV"] } },
);

story("requests that want one task share it and nothing else: whichever of them dies", async (worker) => {
  for (const [name, deaths] of [
    ["first-dies", [0]],
    ["second-dies", [1]],
    ["nobody-dies", []],
  ]) {
    const options = { idempotencyKey: name };
    const both = [];
    for (const _ of [0, 1]) {
      both.push(worker.call("generate", { name: `${name}-${both.length}`, prompt: name, options }));
      await pause(700);
    }
    for (const place of deaths) await both[place].hangUp();
    const left = both.filter((_, place) => !deaths.includes(place));
    for (const answer of left) {
      assert.ok((await seconds(answer)) < SOON);
      drawn(await answer);
    }
  }
  worker.allowed = [];
  assert.equal((await charges(worker.key)).length, 3);
});

story(
  "scheduled and queue handlers draw as well",
  async (worker) => {
    const handlers = await worker.miniflare.getWorker("worker");
    const { outcome } = await handlers.scheduled();
    assert.equal(outcome, "ok");
    await (await worker.miniflare.getQueueProducer("JOBS", "worker")).send("queue");
    await until("the message is worked on", async () => (await worker.call("report")).queued === 1);
    assert.deepEqual(await charges(worker.key), ["queue", "scheduled"]);
  },
  { options: { queueProducers: { JOBS: "jobs" }, queueConsumers: { jobs: { maxBatchTimeout: 0 } } } },
);

run({ concurrency: 1, duration: "fixed:1200" });

story("a request closes the client: the others end, and nobody hangs", async (worker) => {
  const runs = worker.call("generate", { name: "runs" });
  await submitted(worker, "runs");
  const waits = worker.call("generate", { name: "waits" });
  await until("the other one waits", async () => (await worker.call("status")).waiting === 1);
  await worker.call("close");
  for (const { error } of await Promise.all([runs, waits])) assert.equal(error, "cancelled");
});

// Nothing of it is over by itself before the client is closed, however slow the machine is.
run({ concurrency: 1, duration: "fixed:60000" });

story("two overlapping requests, then six on two slots: all finish, each charged once", async (worker) => {
  const two = ["a", "b"].map((name) => worker.call("generate", { name }));
  (await Promise.all(two)).forEach(drawn);
  const six = ["c", "d", "e", "f", "g", "h"].map((name) =>
    worker.call("generate", { name, options: { download: true } }),
  );
  (await Promise.all(six)).forEach(drawn);
  assert.deepEqual(await charges(worker.key), ["a", "b", "c", "d", "e", "f", "g", "h"]);
  // What waits looks four times a second, what runs polls twice; time that stands still between I/O makes no timer spin.
  const { timers } = await worker.call("report");
  for (const [name, count] of Object.entries(timers))
    assert.ok(count < 60, `${name} woke ${count} times in three seconds`);
});

story("batches and watchers side by side stay in their requests", async (worker) => {
  const batches = ["one", "two"].map((name) => worker.call("batch", { name, count: 3 }));
  const watcher = worker.call("watch", { name: "watcher" });
  for (const { items } of await Promise.all(batches)) assert.deepEqual(items, [true, true, true]);
  const { items } = await watcher;
  assert.deepEqual([items[0], items.at(-1)], ["waiting", "succeeded"]);
  assert.equal((await charges(worker.key)).length, 7);
});

story("a task whose request has gone is resumed by its ref: in the same isolate, and in another", async (worker) => {
  const [one, two] = await Promise.all(["one", "two"].map((name) => worker.call("submit", { name })));
  // By another client that knows nothing of it.
  drawn(await worker.call("resume", { ref: one }));
  await worker.call("anew");
  const { taskId } = await worker.call("resume", { ref: two });
  assert.equal(taskId, two.parts[0].taskId);
  // The provider's id alone does, too.
  drawn(await worker.call("resume", { ref: { provider: "hiapi", taskId } }));
  assert.deepEqual(await charges(worker.key), ["one", "two"]);
});

run({ concurrency: 2, duration: "fixed:800" });

story(
  "a request is hung up on while its submit is on the wire: the slot is back after such tasks' usual time",
  async (worker) => {
    // Eight teach what is usual.
    const { items } = await worker.call("batch", { name: "lesson", count: 8 });
    assert.equal(items.length, 8);
    const gone = worker.call("generate", { name: "gone", options: { idempotencyKey: "gone" } });
    await submitted(worker, "gone");
    await gone.hangUp();
    await pause(100);
    assert.ok((await seconds(worker.call("generate", { name: "next" }))) < SOON);
    // It is still written down; its key brings it back without a second charge.
    const [ref] = (await worker.call("pending")).items;
    assert.equal(ref.idempotencyKey, "gone");
    worker.allowed = ["gone"];
    drawn(await worker.call("resume", { ref: "gone" }));
    assert.equal((await charges(worker.key)).filter((prompt) => prompt === "gone").length, 1);
    assert.deepEqual((await worker.call("drained", { within: 15_000 })).items, [0]);
  },
);

story("a request is hung up on while it downloads: it holds no slot", async (worker) => {
  const gone = worker.call("generate", { name: "gone", options: { download: true } });
  await until("the download begins", async () => {
    const { fetches } = await worker.call("report");
    return fetches.some(({ url }) => url.includes("/images/"));
  });
  await gone.hangUp();
  assert.ok((await seconds(worker.call("generate", { name: "next" }))) < SOON);
  assert.deepEqual(await charges(worker.key), ["gone", "next"]);
});

run({ concurrency: 1, duration: "fixed:600", latency_ms: 500 });

story(
  "the README's worker answers with the picture",
  async ({ url, key }) => {
    const answers = await Promise.all(["x", "y"].map((prompt) => fetch(new URL(`/?prompt=${prompt}`, url))));
    for (const answer of answers) {
      assert.equal(answer.headers.get("content-type"), "image/png");
      assert.equal(new TextDecoder().decode(new Uint8Array(await answer.arrayBuffer()).subarray(1, 4)), "PNG");
    }
    assert.deepEqual(await charges(key), ["x", "y"]);
    const [readme, example] = await Promise.all(
      ["../../README.md", "example.mjs"].map((name) => readFile(new URL(name, import.meta.url), "utf8")),
    );
    assert.ok(readme.includes(example), "the README shows another one");
  },
  { entry: "example.mjs" },
);

run({ concurrency: 4, duration: "fixed:600" });
