// `probe` as its users call it: the built client over the simulated provider, whose ledger says what it cost.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./fake-core.mjs";

const { BudgetError, CancelledError, createClient, hiapi, InvalidRequestError, openai } = await load("inline.js");
const { createSimulator } = await load("testing.js");

const request = { model: "gpt-image-2", prompt: "a tide gate" };
const prices = { "gpt-image-2": 0.04 };
const setUp = (config, limits) => {
  const simulator = createSimulator(config);
  const client = createClient({
    providers: { hiapi: hiapi({ apiKey: "k", prices, limits }), images: openai({ apiKey: "k" }) },
    logLevel: "off",
    ...simulator.options,
  });
  return { simulator, client };
};

test("the ceiling is found, and what was bought for it is not lost", async () => {
  for (const cap of [1, 5, 23]) {
    const { simulator, client } = setUp({ cap });
    const report = await client.probe(request, { max: 60, budget: 5 });
    assert.deepEqual([report.ceiling, report.axis], [cap, "concurrency"]);
    assert.ok(report.accepted <= cap + 2, `${report.accepted} images for ${cap}`);
    assert.ok(Math.abs(report.cost - report.accepted * 0.04) < 1e-9);
    assert.equal(report.refs.length, report.accepted);
    const results = await Promise.all(report.refs.map((ref) => client.resume(ref)));
    assert.ok(results.every(({ image }) => image.mediaType === "image/png"));
    const ledger = simulator.ledger();
    assert.equal(ledger.length, report.accepted, "nothing more was bought");
    assert.equal(new Set(results.map(({ taskId }) => taskId)).size, report.accepted);
    assert.equal(client.status().lanes[0].limit, cap, "and the lane goes on with it");
    await client.close();
  }
});

test("the number and the budget are kept to", async () => {
  const { simulator, client } = setUp({ cap: 50 });
  const few = await client.probe(request, { max: 3, budget: 5 });
  assert.deepEqual([few.ceiling, few.accepted, few.refused, "axis" in few], [null, 3, 0, false]);
  const dear = await client.probe(request, { max: 60, budget: 0.12, provider: "hiapi" });
  assert.deepEqual([dear.ceiling, dear.accepted], [null, 3]);
  await Promise.all([...few.refs, ...dear.refs].map((ref) => client.resume(ref)));
  assert.equal(simulator.ledger().length, 6);
  await client.close();
});

test("a day's budget is one for all probes of that day, and a month's of that month, as virtual days pass", async () => {
  for (const per of ["day", "month"]) {
    const { simulator, client } = setUp({ cap: 50 });
    // Virtual time begins at midnight.
    const began = new Date();
    const [year, month, day] = [began.getUTCFullYear(), began.getUTCMonth(), began.getUTCDate()];
    const over = per === "day" ? Date.UTC(year, month, day + 1) : Date.UTC(year, month + 1);
    const length = over - Date.UTC(year, month, day);
    const budget = { amount: 0.2, per };
    assert.equal((await client.probe(request, { max: 3, budget })).accepted, 3);
    assert.equal((await client.probe(request, { max: 9, budget })).accepted, 2);
    await assert.rejects(client.probe(request, { max: 9, budget }), (error) => BudgetError.is(error));
    await simulator.advance(length - 60_000 - simulator.now());
    await assert.rejects(client.probe(request, { max: 9, budget }), (error) => BudgetError.is(error));
    await simulator.advance(60_000);
    assert.equal((await client.probe(request, { max: 9, budget })).accepted, 5);
    await client.close();
  }
});

test("what it can't do it says before it costs anything", async () => {
  const { simulator, client } = setUp({ cap: 4 });
  const rejects = async (options, param, again = request) =>
    assert.rejects(client.probe(again, options), (error) => {
      assert.ok(InvalidRequestError.is(error), String(error));
      assert.equal(error.param, param);
      return true;
    });
  await rejects(undefined, "options");
  await rejects({ budget: 1 }, "max");
  await rejects({ max: 1 }, "budget");
  await rejects({ max: 0, budget: 1 }, "max");
  await rejects({ max: 1, budget: 0 }, "budget");
  await rejects({ max: 1, budget: { amount: 0, per: "day" } }, "budget.amount");
  await rejects({ max: 1, budget: { amount: 1, per: "week" } }, "budget.per");
  await rejects({ max: 1, budget: { amount: 1 } }, "budget.per");
  await rejects({ max: 1, budget: { per: "day" } }, "budget.amount");
  await rejects({ max: 1, budget: { amount: 1, per: "day", of: "mine" } }, "budget.of");
  await rejects({ max: 1, budget: "2" }, "budget");
  await rejects({ max: 1, budget: 1, limit: 1 }, "limit");
  await rejects({ max: 1, budget: 1 }, "model", {});
  await rejects({ max: 1, budget: 1 }, "n", { ...request, n: 2 });
  await rejects({ max: 1, budget: 1, provider: "images" }, "prices");
  await rejects({ max: 1, budget: 1 }, "prices", { ...request, model: "flux-1" });
  await rejects({ max: 3, budget: 1 }, "prompt", { ...request, prompt: "" });
  await assert.rejects(client.probe(request, { max: 9, budget: 0.03 }), (error) => BudgetError.is(error));
  const told = setUp({ cap: 4 }, { concurrency: 4 });
  await assert.rejects(
    told.client.probe(request, { max: 9, budget: 1 }),
    (error) => InvalidRequestError.is(error) && error.param === "limits.concurrency",
  );
  assert.equal(simulator.stats().submits + told.simulator.stats().submits, 0);
  await client.close();
  await assert.rejects(client.probe(request, { max: 1, budget: 1 }), (error) => CancelledError.is(error));
});

test("an abort rejects with its reason and buys no more", async () => {
  const { simulator, client } = setUp({ cap: 50 });
  await assert.rejects(
    client.probe(request, { max: 1, budget: 1, signal: AbortSignal.abort("early") }),
    (e) => e === "early",
  );
  const controller = new AbortController();
  let accepted = 0;
  client.on("update", ({ update }) => {
    if (update.status === "queued" && ++accepted === 3) controller.abort("enough");
  });
  await assert.rejects(client.probe(request, { max: 50, budget: 9, signal: controller.signal }), (e) => e === "enough");
  const pending = await client.pending();
  assert.ok(pending.length >= 3 && pending.length <= 9, `${pending.length} bought`);
  await Promise.all(pending.map((ref) => client.resume(ref)));
  assert.equal(simulator.ledger().length, pending.length);
  await client.close();
});
