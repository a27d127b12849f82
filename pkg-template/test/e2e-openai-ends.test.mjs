// The built package where the answer to the submit is the image: limits, refusals, and what else can become of a request.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createWorld, failure, request, run, success, tidegate } from "./images-api.mjs";

const { ContentFilteredError, QuotaExhaustedError, UnknownOutcomeError } = tidegate;

test("a 429 that is money is told at once; one that is a limit is waited for, as long as its words ask", async () => {
  const money = { message: "You exceeded your current quota.", type: "insufficient_quota", param: null, code: null };
  const limit = {
    message: "Rate limit reached. Please try again in 12s.",
    type: "input-images",
    code: "rate_limit_exceeded",
  };
  const answers = [failure(429, money), failure(429, limit)];
  const world = createWorld({ script: () => answers.shift() });
  await run(world, async (client) => {
    await assert.rejects(client.generate(request), (error) => QuotaExhaustedError.is(error) && !error.retryable);
    const refused = [];
    client.on("refusal", (event) => refused.push(event));
    const result = await client.generate(request);
    assert.deepEqual(
      result.attempts.map(({ outcome, axis }) => [outcome, axis]),
      [
        ["refused", "minute"],
        ["accepted", undefined],
      ],
    );
    assert.deepEqual([refused.length, refused[0].retryAfterMs], [1, 12_000]);
  });
  const [, first, second] = world.requests.map(({ at }) => at);
  assert.ok(second - first >= 12_000, `${second - first} ms`);
});

test("a lost answer is never sent again: the image may be under way", async () => {
  let calls = 0;
  const world = createWorld({
    script: () => {
      calls++;
      throw new TypeError("fetch failed");
    },
  });
  await run(world, async (client) => {
    await assert.rejects(client.generate(request), (error) => {
      return UnknownOutcomeError.is(error) && error.billed === "unknown" && error.ref.parts.length === 1;
    });
  });
  assert.equal(calls, 1);
});

test("without a connection nothing left: it is tried again, and costs nothing where that is in vain", async () => {
  const refused = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" });
  const failures = [
    new TypeError("fetch failed", { cause: refused }),
    Object.assign(new TypeError("getaddrinfo ENOTFOUND api.openai.com"), { code: "ENOTFOUND" }),
    new TypeError("fetch failed", {
      cause: new Error(
        "error sending request for url (https://api.openai.com/v1/images/generations): client error (Connect): dns error",
      ),
    }),
  ];
  const world = createWorld({
    script: () => {
      if (failures.length > 0) throw failures.shift();
    },
  });
  await run(world, async (client) => {
    const result = await client.generate(request);
    assert.deepEqual(
      result.attempts.map(({ outcome, code }) => [outcome, code]),
      [
        ["failed", "network"],
        ["failed", "network"],
        ["failed", "network"],
        ["accepted", undefined],
      ],
    );
    failures.push(new TypeError("fetch failed", { cause: refused }));
    await assert.rejects(client.generate(request, { retry: { maxRetries: 0 } }), (error) => {
      assert.deepEqual([error.code, error.billed, error.retryable, error.ref], ["network", "no", true, undefined]);
      return /ECONNREFUSED/.test(error.message);
    });
    assert.equal(client.status().lanes[0].held, 0);
  });
});

test("the provider's own 500 is tried again, a proxy's is not", async () => {
  const own = failure(500, { message: "The server had an error", type: "server_error", code: null });
  const answers = [own, undefined, new Response("<html>Bad gateway</html>", { status: 502 })];
  const world = createWorld({ script: () => answers.shift() });
  await run(world, async (client) => {
    const result = await client.generate(request);
    assert.deepEqual(
      result.attempts.map(({ outcome }) => outcome),
      ["failed", "accepted"],
    );
    await assert.rejects(client.generate(request), { code: "unknown-outcome", status: 502, billed: "unknown" });
  });
  assert.equal(world.requests.length, 3);
});

test("a filter's verdict: stage, severity and categories", async () => {
  const details = { moderation_stage: "output", categories: ["sexual"] };
  const blocked = { message: "Rejected.", type: "image_generation_user_error", code: "moderation_blocked" };
  const world = createWorld({ script: () => failure(400, { ...blocked, moderation_details: details }) });
  await run(world, async (client) => {
    await assert.rejects(client.generate(request), (error) => {
      assert.ok(ContentFilteredError.is(error));
      assert.deepEqual(
        [error.stage, error.severity, error.categories, error.billed],
        ["output", "soft", ["sexual"], "unknown"],
      );
      return true;
    });
  });
  assert.equal(world.requests.length, 1);
});

test("slots are kept full where acceptance is the result, and a refusal holds nobody up for as long as an image takes", async () => {
  const world = createWorld({ cap: 3 });
  await run(
    world,
    async (client, clock) => {
      const tasks = Array.from({ length: 9 }, () => client.generate(request));
      await Promise.all(tasks);
      // Three rounds of 20 s; the fourth slot that was told and isn't there costs a probe now and then.
      assert.ok(clock.now < 75_000, `${clock.now} ms`);
    },
    { limits: { concurrency: 4 } },
  );
  assert.equal(world.peak, 3);
  assert.equal(world.requests.length - world.refusals, 9);
});

for (const [whose, headers] of Object.entries({
  "OpenAI's": (remaining) => ({
    "x-ratelimit-limit-input-images": "5",
    "x-ratelimit-remaining-input-images": String(remaining),
    "x-ratelimit-reset-input-images": "30s",
  }),
  "of the draft": (remaining) => ({ RateLimit: `"a";r=${remaining};t=30`, "RateLimit-Policy": '"a";q=5;w=60' }),
}))
  test(`what the headers (${whose}) tell of a window is shown, and heeded when nothing is left`, async () => {
    const left = [1, 0, 4];
    const world = createWorld({
      script: () => {
        const answer = success();
        for (const [name, value] of Object.entries(headers(left.shift()))) answer.headers.set(name, value);
        return answer;
      },
    });
    await run(world, async (client, clock) => {
      await client.generate(request);
      assert.deepEqual(client.status().lanes[0].window, { rpm: 5, used: 4, known: "header" });
      await client.generate(request);
      const before = clock.now;
      await client.generate(request);
      assert.ok(clock.now - before >= 30_000, `${clock.now - before} ms`);
    });
  });

test("where the deadline lies beyond a limit of the fetch itself the log says so once, of a provider whose answer is the image", async () => {
  const toldOf = async (options) => {
    const told = [];
    const take = (message) => told.push(message);
    const logger = { error: take, warn: take, info: take, debug: take };
    await run(
      createWorld({ ms: 1_000 }),
      async (client) => {
        await client.generate(request);
        await client.generate(request);
      },
      { logger, logLevel: "info", ...options },
    );
    return told.filter((message) => message.includes("a limit of its own")).length;
  };
  const own = (...parameters) => globalThis.fetch(...parameters);
  assert.deepEqual(
    [await toldOf({ fetch: own }), await toldOf({}), await toldOf({ fetch: own, deadline: 299_000 })],
    [1, 0, 0],
  );
});
