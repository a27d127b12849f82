// The OpenAI family over the simulated provider, which was written from its documents and shares nothing with the client.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./fake-core.mjs";

const { createClient, creativeai, openai, ContentFilteredError, QuotaExhaustedError, RateLimitError } =
  await load("inline.js");
const { createSimulator } = await load("testing.js");

const request = { model: "gpt-image-2", prompt: "a tide gate at dawn", size: "1024x1024" };
/** A story with a client of its own over a simulator of its own. */
const run = async (config, story, provider = openai, options) => {
  const simulator = createSimulator(config);
  const client = createClient({
    providers: provider({ apiKey: "test", ...options }),
    logLevel: "off",
    ...simulator.options,
  });
  try {
    return await story(client, simulator);
  } finally {
    await client.close();
  }
};

test("an image comes when its task ends, as bytes that were in the answer", async () => {
  await run({ durationMs: [20_000, 20_000] }, async (client, simulator) => {
    const { image } = await client.generate(request);
    assert.ok(simulator.now() >= 20_000);
    const bytes = await image.bytes();
    assert.equal(new TextDecoder().decode(bytes.subarray(1, 4)), "PNG");
    const [charge] = simulator.ledger();
    assert.deepEqual([charge.target, charge.delivered], [{ provider: "openai", model: "gpt-image-2" }, true]);
  });
});

test("an edit brings its images and its mask", async () => {
  await run({ pictures: true }, async (client, simulator) => {
    const picture = async (fields) => (await client.generate({ ...request, ...fields })).image.bytes();
    const photo = await picture({});
    const mask = await picture({ background: "transparent" });
    const image = (bytes) => new Blob([bytes], { type: "image/png" });
    const edited = await picture({ images: [image(photo), image(mask)], mask: image(mask) });
    assert.notDeepEqual(edited, photo);
    assert.equal(simulator.ledger().length, 3);
  });
});

test("CreativeAI's links are followed", async () => {
  const story = async (client, simulator) => {
    const { image } = await client.generate({ ...request, model: "seedream-3.0" });
    assert.match(image.url, /^https:\/\/simulator\.test\/images\/img_/);
    assert.equal(new TextDecoder().decode((await image.bytes()).subarray(1, 4)), "PNG");
    assert.equal(simulator.ledger()[0].target.provider, "creativeai");
    assert.equal(simulator.world.stats().leaked_credentials, 0);
  };
  await run({}, story, creativeai);
});

test("40 images at 4 requests in flight: 40 charges and no refusal", async () => {
  await run(
    { cap: 4 },
    async (client, simulator) => {
      const batch = client.batch(Array.from({ length: 40 }, (_, index) => ({ ...request, prompt: `wave ${index}` })));
      const { ok } = await batch.settled();
      const { refusals, peak } = simulator.stats();
      assert.deepEqual([ok.length, simulator.ledger().length, refusals, peak], [40, 40, 0, 4]);
    },
    openai,
    { limits: { concurrency: 4 } },
  );
});

test("limits are waited for, money and the content policy are not", async () => {
  await run({ rpm: 1, settings: { hint: "every" } }, async (client, simulator) => {
    const { ok } = await client.batch([request, request]).settled();
    assert.equal(ok.length, 2);
    assert.ok(simulator.now() >= 60_000);
  });
  await run({ settings: { rpd: 1, hint: "seconds" } }, async (client) => {
    await client.generate(request);
    await assert.rejects(client.generate(request), (error) => RateLimitError.is(error) && error.billed === "no");
  });
  await run({ settings: { credit_micro_usd: 0 } }, async (client, simulator) => {
    await assert.rejects(client.generate(request), (error) => QuotaExhaustedError.is(error));
    assert.equal(simulator.stats().submits, 1);
  });
  await run({}, async (client, simulator) => {
    const filtered = client.generate({ ...request, prompt: "a [filtered-hard] gate" });
    await assert.rejects(filtered, (error) => ContentFilteredError.is(error));
    assert.equal(simulator.stats().submits, 1);
  });
});

test("who leaves before the answer has bought it", async () => {
  await run({ durationMs: [20_000, 20_000] }, async (client, simulator) => {
    const controller = new AbortController();
    const given = simulator.fetch("https://api.openai.com/v1/images/generations", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request),
      signal: controller.signal,
    });
    given.catch(() => {});
    await simulator.advance(5_000);
    controller.abort();
    await assert.rejects(given, { name: "AbortError" });
    await simulator.advance(20_000);
    assert.deepEqual([simulator.ledger()[0].delivered, simulator.world.stats().abandoned], [false, 1]);
  });
});
