// `tidegate/testing` as its users write tests with it: the built client over the simulated provider.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { dist, load } from "./fake-core.mjs";
import { inVirtualTime } from "./virtual.mjs";

const { createClient, creativeai, hiapi, ImageError, openai } = await load("inline.js");
const { createSimulator } = await load("testing.js");

const request = { model: "gpt-image-2", prompt: "a tide gate at dawn", size: "1024x1024" };
const requests = (count) => Array.from({ length: count }, (_, index) => ({ ...request, prompt: `wave ${index}` }));
const clientOf = (simulator, options) =>
  createClient({ providers: hiapi({ apiKey: "test" }), logLevel: "off", ...simulator.options, ...options });

/** A batch to its end, and what the provider says of it. */
const draw = async (config, count = 24, options) => {
  const simulator = createSimulator(config);
  const client = clientOf(simulator, options);
  const { ok, failed } = await client.batch(requests(count)).settled();
  await client.close();
  return { simulator, ok, failed, ledger: simulator.ledger(), stats: simulator.stats(), end: simulator.now() };
};

/** A client that is told what there is, and so is never refused. */
const told = (concurrency) => ({ providers: hiapi({ apiKey: "test", limits: { concurrency } }) });

test("40 images at 4 at once: 40 charges, no refusal, minutes of virtual time in a moment", async (t) => {
  const start = performance.now();
  const { ok, ledger, stats, end } = await draw({ cap: 4 }, 40, told(4));
  const real = performance.now() - start;
  t.diagnostic(`${Math.round(end / 1000)} s of virtual time in ${Math.round(real)} ms`);
  assert.equal(ok.length, 40);
  assert.equal(new Set(ledger.map(({ taskId }) => taskId)).size, 40);
  assert.deepEqual(
    ledger.map(({ target, images, amount, delivered }) => [target.model, images, amount, delivered]),
    Array(40).fill(["gpt-image-2", 1, 0.04, true]),
  );
  assert.deepEqual([stats.submits, stats.refusals, stats.peak], [40, 0, 4]);
  assert.ok(stats.polls >= 40);
  assert.ok(end > 100_000 && real < end / 5, `${real} ms for ${end}`);
  const { image } = ok[0].result;
  assert.deepEqual([image.mediaType, image.width, image.height], ["image/png", 1024, 1024]);
  assert.equal((await image.bytes()).at(1), 0x50);
});

test("lost answers never pay twice", async () => {
  const { ok, ledger, stats } = await draw({ faults: { lostAnswer: 0.3 } });
  assert.equal(ok.length, 24);
  assert.ok(stats.submits > 28, `${stats.submits} submits`);
  assert.equal(ledger.length, 24);
  assert.ok(ledger.every(({ delivered }) => delivered));
});

test("calm is what there is without a name", async () => {
  const [named, unnamed] = [await draw("calm", 24, told(4)), await draw(undefined, 24, told(4))];
  assert.deepEqual(named.stats, unnamed.stats);
  assert.deepEqual([named.ok.length, named.stats.refusals], [24, 0]);
});

test("cap-drop: eight are found, from 30 s on the fourth task is refused; every image comes all the same", async () => {
  const { ok, stats, simulator } = await draw("cap-drop");
  assert.equal(ok.length, 24);
  assert.ok(stats.peak > 4 && stats.peak <= 8, `${stats.peak} at once`);
  assert.ok(stats.refusals > 0);
  assert.equal(simulator.world.settings().concurrency, 3);
});

test("outage: what fails says so and is not billed, the rest comes", async () => {
  const { ok, failed, ledger, simulator } = await draw("outage");
  assert.ok(simulator.world.stats().errors > 20);
  assert.equal(ledger.length, ok.length);
  assert.equal(ok.length + failed.length, 24);
  assert.ok(failed.every(({ error }) => ImageError.is(error) && error.billed === "no"));
});

test("lost-answers: submits and polls get lost, and nothing is bought twice", async () => {
  const { ok, ledger, simulator } = await draw("lost-answers");
  assert.ok(simulator.world.stats().lost > 20);
  assert.deepEqual([ok.length, ledger.length], [24, 24]);
});

test("faults by share: 503s are retried, filtered images are refused and not billed", async () => {
  const { ok, failed, ledger, simulator } = await draw({ faults: { serverError: 0.2, filtered: 0.3 } });
  assert.ok(simulator.world.stats().errors > 20);
  assert.ok(ok.length > 0 && failed.length > 0);
  assert.ok(failed.every(({ error }) => error.code === "content-filtered"));
  assert.equal(ledger.length, ok.length);
});

test("a window of requests a minute refuses", async () => {
  const { ok, stats, end } = await draw({ cap: Infinity, rpm: 6, durationMs: [1_000, 2_000] }, 12);
  assert.equal(ok.length, 12);
  assert.ok(stats.refusals > 0 && end > 60_000);
});

test("the same seed is the same run, another is not", async () => {
  const run = async (seed) => {
    const { ledger, stats, end } = await draw({ seed, faults: { lostAnswer: 0.2, serverError: 0.1 } });
    return { ledger, stats, end };
  };
  const first = await run(7);
  assert.deepEqual(await run(7), first);
  assert.notDeepEqual(await run(8), first);
});

test("two simulators know nothing of each other", async () => {
  const idle = createSimulator();
  const [slow, quick] = await Promise.all([
    draw({ cap: 1 }, 6),
    draw({ cap: 8, durationMs: [1_000, 1_000] }, 12, { providers: hiapi({ apiKey: "t", limits: { concurrency: 8 } }) }),
  ]);
  assert.deepEqual([slow.ledger.length, slow.stats.peak], [6, 1]);
  assert.deepEqual([quick.ledger.length, quick.stats.peak], [12, 8]);
  assert.ok(slow.end > 48_000 && quick.end < 10_000);
  assert.deepEqual([idle.now(), idle.ledger(), idle.stats().submits], [0, [], 0]);
});

test("advance stops time at each stage", async () => {
  const simulator = createSimulator({ durationMs: [10_000, 10_000] });
  const client = clientOf(simulator);
  const task = client.generate(request);
  await simulator.advance(20);
  assert.deepEqual([simulator.now(), task.state.status, simulator.stats().submits], [20, "submitting", 0]);
  await simulator.advance(10);
  assert.equal(simulator.stats().submits, 1);
  await simulator.advance(6_000);
  assert.equal(task.state.status, "processing");
  assert.match((await task).image.url, /^https:\/\/simulator\.test\/images\//);
  assert.ok(simulator.now() > 10_000);
  await assert.rejects(simulator.advance(-1), TypeError);
  await assert.rejects(simulator.advance(NaN), TypeError);
});

test("a manual clock moves only when it is told", async () => {
  const simulator = createSimulator({ clock: "manual", durationMs: [10_000, 10_000] });
  const client = clientOf(simulator);
  const task = client.generate(request);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual([simulator.now(), task.state.status], [0, "submitting"]);
  await simulator.advance(5_000);
  assert.deepEqual([simulator.now(), task.state.status], [5_000, "processing"]);
  await simulator.advance(20_000);
  assert.equal(task.state.status, "succeeded");
  assert.equal((await task).taskId, simulator.ledger()[0].taskId);
});

test("the real clock is the host's: its timers, its time, its pictures", async () => {
  const start = Date.now();
  await inVirtualTime(async (clock) => {
    const simulator = createSimulator({ clock: "real", durationMs: [2_000, 2_000] });
    assert.deepEqual(Object.keys(simulator.options.testing), ["seed"]);
    const { settings } = simulator.world;
    assert.equal(settings().epoch_ms, Date.now());
    const client = clientOf(simulator);
    const { image } = await client.generate({ ...request, size: "64x64" });
    assert.ok((await image.bytes()).length > 1_000, "drawn");
    const before = clock.now;
    await simulator.advance(1_000);
    assert.equal(clock.now, before + 1_000);
    await client.close();
  });
  assert.ok(Date.now() - start < 60_000);
});

test("configure changes it on the way; settings go through by their names", async () => {
  const simulator = createSimulator({ cap: 0, settings: { name_axis: true } });
  const client = clientOf(simulator);
  const task = client.generate(request);
  await simulator.advance(5_000);
  assert.ok(simulator.stats().refusals > 0);
  simulator.configure({ cap: 1, durationMs: [1_000, 1_000], settings: { price_micro_usd: 5_000 } });
  await task;
  assert.deepEqual(
    simulator.ledger().map(({ amount }) => amount),
    [0.005],
  );
  assert.equal(simulator.world.settings().name_axis, true);
  simulator.world.change({ concurrency: null, latency_ms: 600 });
  assert.deepEqual([simulator.world.settings().concurrency, simulator.world.settings().latency_ms], [null, 600]);
  const before = simulator.now();
  await simulator.fetch("https://a.test/v1/models");
  assert.equal(simulator.now() - before, 600);
});

for (const [provider, create] of Object.entries({ openai, creativeai })) {
  test(`${provider} at its usual address: its answers hold the images, and an edit arrives`, async () => {
    const providers = create({ apiKey: "test", limits: { concurrency: 4 } });
    const { ok, failed, ledger, simulator } = await draw({}, 6, { providers });
    assert.deepEqual(failed, []);
    assert.deepEqual(
      ledger.map(({ target, delivered }) => [target.provider, delivered]),
      Array(6).fill([provider, true]),
    );
    assert.ok(simulator.now() > 8_000, "as long as real ones");
    const [{ result }] = ok;
    await result.image.bytes();
    assert.deepEqual([result.image.mediaType, result.image.width], ["image/png", 1024]);
    const client = clientOf(simulator, { providers });
    const edited = await client.generate({ ...request, images: [await result.image.blob()] });
    assert.equal((await edited.image.bytes()).at(1), 0x50);
    assert.equal(simulator.ledger().length, 7);
  });
}

test("who leaves before a synchronous answer is noticed, and charged", async () => {
  const simulator = createSimulator({ durationMs: [10_000, 10_000] });
  const client = clientOf(simulator, { providers: openai({ apiKey: "test" }) });
  const controller = new AbortController();
  const task = client.generate(request, { signal: controller.signal });
  await simulator.advance(5_000);
  controller.abort(new Error("enough"));
  await assert.rejects(task, /enough/);
  await client.close();
  await simulator.advance(10_000);
  assert.equal(simulator.world.stats().abandoned, 1);
  assert.deepEqual(
    simulator.ledger().map(({ delivered }) => delivered),
    [false],
  );
});

test("an answer that waits for a slot comes when there is one", async () => {
  const simulator = createSimulator({ cap: 0, settings: { queue: true }, durationMs: [1_000, 1_000] });
  const client = clientOf(simulator, { providers: openai({ apiKey: "test" }) });
  const task = client.generate(request);
  await simulator.advance(30_000);
  assert.deepEqual([task.state.status, simulator.stats().peak], ["processing", 0], "presumed to be accepted");
  simulator.configure({ cap: 1 });
  await task;
  assert.equal(simulator.ledger().length, 1);
});

test("a wrong configuration is a TypeError that names the field", () => {
  const named = (config, field) =>
    assert.throws(
      () => createSimulator(config),
      (error) => error instanceof TypeError && error.message.startsWith(`createSimulator: ${field}`),
      JSON.stringify(config),
    );
  named("storm", 'scenario must be one of calm, cap-drop, outage, lost-answers; there is no "storm"');
  named("toString", "scenario");
  named({ scenario: "storm" }, "scenario");
  named({ cap: -1 }, "cap");
  named({ cap: 1.5 }, "cap");
  named({ cap: 2 ** 32 }, "cap");
  named({ rpm: "6" }, "rpm");
  named({ durationMs: [2, 1] }, "durationMs");
  named({ durationMs: 5 }, "durationMs");
  named({ clock: "fake" }, "clock");
  named({ seed: -1 }, "seed");
  named({ latencyMs: NaN }, "latencyMs");
  named({ pictures: 1 }, "pictures");
  named({ faults: 1 }, "faults");
  named({ faults: { lostAnswer: 2 } }, "faults.lostAnswer");
  named({ faults: { lost: 0 } }, "faults.lost");
  named({ speed: 1 }, "speed");
  named({ settings: { rpm: "x" } }, "settings.rpm");
  named({ settings: { speed: 1 } }, "settings.speed");
  named({ settings: { latency_ms: "x" } }, "settings.latency_ms");
  named({ settings: [] }, "settings");
  named(null, "config");
  named(5, "config");
  const simulator = createSimulator({ cap: undefined, faults: undefined });
  assert.throws(() => simulator.configure({ seed: 5 }), /createSimulator: seed is not a field/);
  assert.throws(() => simulator.configure({ cap: -1 }), /createSimulator: cap/);
  assert.throws(() => simulator.world.change({ rpm: -1 }), /createSimulator: settings\.rpm/);
});

test("what the README shows of it runs", async () => {
  const readme = await readFile(new URL("../README.md", dist), "utf8");
  const [, code] = /## Testing your app[^]*?```js\n([^]*?)```/.exec(readme);
  const here = { tidegate: "inline.js", "tidegate/testing": "testing.js" };
  const script = code.replace(
    /from "(tidegate[^"]*)"/g,
    (_, name) => `from ${JSON.stringify(new URL(here[name], dist).href)}`,
  );
  // Not as a child of this runner, whose children report in another form.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8", env });
  assert.match(stdout, /pass 1\n/);
  assert.match(stdout, /fail 0\n/);
});

test("the main entry loads nothing of the simulator", async () => {
  const reached = async (file, seen = new Set()) => {
    if (seen.has(file)) return seen;
    seen.add(file);
    const text = await readFile(new URL(file, dist), "utf8");
    for (const [, next] of text.matchAll(/(?:from|import) "\.\/([^"]+\.js)"/g)) await reached(next, seen);
    return seen;
  };
  const isSimulator = (file) => /simulator|testing|clock/.test(file);
  const main = [...(await reached("inline.js"))];
  assert.ok(main.includes("core.text.js"));
  assert.deepEqual(main.filter(isSimulator), []);
  const testing = [...(await reached("testing.js"))];
  assert.ok(testing.includes("simulator-world.text.js"));
  assert.ok(!testing.includes("core.text.js"));
});
