// How near the built package comes to who knows everything: virtual time, so these are figures of scheduling and not of this machine.
import assert from "node:assert/strict";
import { test } from "node:test";
import { dist } from "./fake-core.mjs";
import { createHiapi, inVirtualTime } from "./virtual.mjs";

const { createClient, hiapi } = await import(new URL("inline.js", dist).href);

/** Durations of 8 to 30 s, most of them near 14, the same for the same seed. */
const durations = (seed) => {
  let state = seed >>> 0;
  const uniform = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  const drawn = Array.from({ length: 200 }, () => Math.min(30_000, Math.max(8_000, 14_000 * Math.exp(0.4 * normal()))));
  return (index) => drawn[index];
};

/** The makespan of a list schedule over `cap` slots with no round trips. */
const clairvoyant = (duration, count, cap) => {
  const free = Array(cap).fill(0);
  for (let index = 0; index < count; index++) {
    const first = free.indexOf(Math.min(...free));
    free[first] += duration(index);
  }
  return Math.max(...free);
};

test("200 tasks at a told cap of 4: within 5 % of the clairvoyant schedule, and never refused", async (t) => {
  const ratios = [];
  for (const seed of [1, 2, 3]) {
    const duration = durations(seed);
    const world = createHiapi({ cap: 4, rtt: 200, duration });
    let refusals = 0;
    const makespan = await inVirtualTime(async (clock) => {
      const client = createClient({
        providers: hiapi({ apiKey: "sk-x", limits: { concurrency: 4 } }),
        testing: { seed },
        logLevel: "off",
      });
      client.on("refusal", () => refusals++);
      const requests = Array.from({ length: 200 }, (_, index) => ({ model: "gpt-image-2", prompt: `wave ${index}` }));
      const { ok } = await client.batch(requests, { download: false }).settled();
      assert.equal(ok.length, 200);
      return clock.now;
    }, world.fetch);
    assert.equal(world.tasks.size, 200);
    assert.equal(refusals, 0);
    ratios.push(makespan / clairvoyant(duration, 200, 4));
  }
  t.diagnostic(`makespan ÷ clairvoyant: ${ratios.map((ratio) => ratio.toFixed(4)).join(", ")}`);
  for (const ratio of ratios) assert.ok(ratio <= 1.05, `ratio ${ratio}`);
});
