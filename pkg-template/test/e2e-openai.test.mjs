// The built package over a scripted Images API of OpenAI's kind in virtual time: the answer to the submit is the image.
import assert from "node:assert/strict";
import { test } from "node:test";
import { dist } from "./fake-core.mjs";
import { inVirtualTime, png } from "./virtual.mjs";

const tidegate = await import(new URL("inline.js", dist).href);
const { createClient, creativeai, openai, openaiCompatible } = tidegate;
const { ContentFilteredError, InvalidRequestError, QuotaExhaustedError, TaskFailedError, UnknownOutcomeError } =
  tidegate;
const KEY = "sk-a-key-that-must-stay-outside-0123456789";
const request = { model: "gpt-image-2", prompt: "a tide gate at dawn" };

const base64 = (bytes) => Buffer.from(bytes).toString("base64");
const success = (count = 1, size = 200) => {
  const bytes = new Uint8Array(size);
  bytes.set(png(8, 4));
  const data = Array.from({ length: count }, () => ({ b64_json: base64(bytes), revised_prompt: "a gate" }));
  const usage = { total_tokens: 100, input_tokens: 50, input_tokens_details: { text_tokens: 10 } };
  return Response.json({ created: 1, data, output_format: "png", usage }, { headers: { "x-request-id": "req_1" } });
};
const failure = (status, error, headers) => Response.json({ error }, { status, headers });

/** A provider that takes `ms` for an image; `script(request)` may answer, or break, before it does. */
const createWorld = ({ script = () => undefined, ms = 20_000, cap = Infinity, refusesAfter = 100 } = {}) => {
  const world = { requests: [], running: 0, peak: 0, refusals: 0 };
  world.fetch = async (clock, input, init = {}) => {
    const { pathname: path, host } = new URL(input);
    const headers = new Headers(init.headers);
    const sent = { at: clock.now, path, host, headers, body: init.body, redirect: init.redirect };
    world.requests.push(sent);
    const aborted = new Promise((_, reject) =>
      init.signal?.addEventListener("abort", () => reject(init.signal.reason), { once: true }),
    );
    aborted.catch(() => {});
    const scripted = await script(sent, world, clock);
    if (scripted) return scripted;
    if (world.running >= cap) {
      world.refusals++;
      await clock.sleep(refusesAfter);
      return failure(429, { message: "Rate limit reached", type: "requests", code: "rate_limit_exceeded" });
    }
    world.peak = Math.max(world.peak, ++world.running);
    await Promise.race([clock.sleep(ms), aborted]).finally(() => world.running--);
    return success(typeof init.body === "string" ? (JSON.parse(init.body).n ?? 1) : 1);
  };
  return world;
};

const run = (world, story, options) =>
  inVirtualTime(async (clock) => {
    const { limits, ...rest } = options ?? {};
    const client = createClient({
      providers: openai({ apiKey: KEY, limits }),
      testing: { seed: 1 },
      logLevel: "off",
      ...rest,
    });
    try {
      return await story(client, clock);
    } finally {
      await client.close();
    }
  }, world.fetch);

test("an image: one request, its bytes in the answer, its ref before that", async () => {
  const world = createWorld();
  await run(world, async (client, clock) => {
    const task = client.generate({ ...request, aspectRatio: "16:9", quality: "low", format: "png" });
    const ref = await task.ref();
    assert.ok(clock.now < 1_000, "the ref waits for no image");
    assert.deepEqual(
      ref.parts.map(({ provider, model, taskId }) => [provider, model, taskId]),
      [["openai", "gpt-image-2", undefined]],
    );
    assert.equal(task.state.status, "processing");
    const result = await task;
    assert.equal(clock.now, 20_000);
    const { image } = result;
    assert.deepEqual([image.mediaType, image.width, image.height, image.url], ["image/png", 8, 4, undefined]);
    assert.equal(image.revisedPrompt, "a gate");
    assert.deepEqual(await image.bytes(), png(8, 4));
    assert.deepEqual(result.usage, { total_tokens: 100, input_tokens: 50 });
    assert.equal(result.requestId, "req_1");
    assert.equal(result.timing.ranMs, 20_000);
  });
  assert.equal(world.requests.length, 1);
  const [{ path, host, headers, body, redirect }] = world.requests;
  assert.deepEqual([host, path, redirect], ["api.openai.com", "/v1/images/generations", "manual"]);
  assert.equal(headers.get("authorization"), `Bearer ${KEY}`);
  assert.deepEqual(JSON.parse(body), {
    model: "gpt-image-2",
    prompt: request.prompt,
    size: "1360x768",
    quality: "low",
    output_format: "png",
  });
});

test("image data too long for the core stays outside, and what is no image is told", async () => {
  const answers = [success(2, 9_000), Response.json({ data: [{ b64_json: base64(new Uint8Array(9_000)) }] })];
  const world = createWorld({ script: () => answers.shift() });
  await run(world, async (client) => {
    const { images } = await client.generate({ ...request, n: 2 });
    const sizes = await Promise.all(images.map(async (image) => (await image.bytes()).length));
    assert.deepEqual(sizes, [9_000, 9_000]);
    const { image } = await client.generate(request);
    await assert.rejects(image.bytes(), (error) => TaskFailedError.is(error) && error.code === "protocol");
  });
});

test("image data that comes as a data URL, in either field, is image data", async () => {
  const url = (size) => `data:image/png;base64,${base64(Object.assign(new Uint8Array(size), png(8, 4)))}`;
  const world = createWorld({
    script: () => Response.json({ data: [{ b64_json: url(200) }, { b64_json: url(9_000) }, { url: url(9_000) }] }),
  });
  await run(world, async (client) => {
    const { images } = await client.generate({ ...request, n: 3 });
    const told = images.map(async (image) => [(await image.bytes()).length, image.mediaType, image.width, image.url]);
    assert.deepEqual(
      await Promise.all(told),
      [200, 9_000, 9_000].map((size) => [size, "image/png", 8, undefined]),
    );
  });
});

test("n images are one submit; what did not come is a failure beside what did", async () => {
  const world = createWorld({ script: () => success(2) });
  await run(world, async (client) => {
    const result = await client.generate({ ...request, n: 3 });
    assert.equal(result.images.length, 2);
    assert.deepEqual(
      result.failures.map(({ index, error }) => [index, error.code, error.billed]),
      [[2, "empty-result", "unknown"]],
    );
  });
  assert.deepEqual(
    world.requests.map(({ body }) => JSON.parse(body).n),
    [3],
  );
});

test("an edit: images of every kind and a mask travel as a form", async () => {
  const world = createWorld({
    script: ({ host }) => (host === "pictures.test" ? new Response(png(3, 3)) : undefined),
  });
  const jpeg = new Uint8Array([0xff, 0xd8, 0xff, 0xe0, 1, 2, 3]);
  await run(world, async (client) => {
    const first = await client.generate(request);
    await client.generate({
      ...request,
      images: [
        new Blob([png(1, 1)]),
        jpeg,
        `data:image/png;base64,${base64(png(2, 2))}`,
        "https://pictures.test/3.png",
        first.image,
      ],
      mask: new Blob([png(5, 5)], { type: "application/octet-stream" }),
      providerOptions: { openai: { moderation: "low", output_compression: 80 } },
    });
  });
  const [, pictures, edit] = world.requests;
  assert.equal(pictures.headers.get("authorization"), null, "an image's address never sees the key");
  assert.equal(edit.path, "/v1/images/edits");
  assert.equal(edit.headers.get("content-type"), null, "the form's boundary is the host's to choose");
  assert.ok(edit.body instanceof FormData);
  assert.deepEqual([edit.body.get("model"), edit.body.get("prompt")], [request.model, request.prompt]);
  assert.deepEqual([edit.body.get("moderation"), edit.body.get("output_compression")], ["low", "80"]);
  const types = edit.body.getAll("image[]").map(({ type, name }) => `${type} ${name}`);
  assert.deepEqual(types, [
    "image/png image.png",
    "image/jpeg image.jpeg",
    "image/png image.png",
    "image/png image.png",
    "image/png image.png",
  ]);
  const widths = await Promise.all(
    [...edit.body.getAll("image[]"), edit.body.get("mask")]
      .filter(({ type }) => type === "image/png")
      .map(async (file) => new DataView(await file.arrayBuffer()).getUint32(16)),
  );
  assert.deepEqual(widths, [1, 2, 3, 8, 5]);
});

test("an image that can't be had fails before anything is sent, and leaves its slot", async () => {
  const world = createWorld({
    script: ({ host }) => (host === "pictures.test" ? new Response("gone", { status: 404 }) : undefined),
  });
  await run(
    world,
    async (client) => {
      for (const images of [["https://pictures.test/3.png"], ["data:image/png,abc"], [new Blob(["text"])]]) {
        await assert.rejects(client.generate({ ...request, images }), (error) => {
          return InvalidRequestError.is(error) && error.param === "images" && error.billed === "no";
        });
      }
      await assert.rejects(client.generate({ ...request, mask: new Blob([png(1, 1)]) }), { param: "mask" });
      await assert.rejects(client.generate({ ...request, seed: 7 }), { param: "seed" });
      for (const name of ["stream", "n"]) {
        const providerOptions = { openai: { [name]: 2 } };
        await assert.rejects(client.generate({ ...request, providerOptions }), {
          param: `providerOptions.openai.${name}`,
        });
      }
      await client.generate(request);
    },
    { limits: { concurrency: 1 } },
  );
  assert.equal(world.requests.filter(({ path }) => path.startsWith("/v1")).length, 1);
});

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
    await assert.rejects(client.generate(request), { code: "server-error", status: 502, billed: "unknown" });
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

test("relatives: an address in the answer, an address of one's own, a deadline in place of a time-out", async () => {
  const urls = [];
  const world = createWorld({
    script: ({ host, path }) => {
      urls.push(`${host}${path}`);
      if (host === "cdn.creativeai.test") return new Response(png(6, 6));
      return Response.json({ data: [{ url: "https://cdn.creativeai.test/1.png" }] });
    },
  });
  const providers = {
    creative: creativeai({ apiKey: KEY }),
    own: openaiCompatible({ apiKey: KEY, baseURL: "https://relay.test/api/v3" }),
  };
  await run(
    world,
    async (client) => {
      const { image } = await client.generate({ ...request, model: "creative/flux-pro" });
      assert.equal((await image.bytes()).length, 200);
      await client.generate({ ...request, model: "own/some/model" });
    },
    { providers },
  );
  assert.deepEqual(urls, [
    "api.creativeai.run/v1/images/generations",
    "cdn.creativeai.test/1.png",
    "relay.test/api/v3/images/generations",
  ]);
  assert.throws(() => openaiCompatible({ apiKey: KEY }), { param: "baseURL" });
  const slow = createWorld({ ms: 900_000 });
  await run(slow, async (client, clock) => {
    await assert.rejects(client.generate(request), { code: "deadline", billed: "unknown" });
    assert.equal(clock.now, 600_000);
  });
});

test("a batch brings the bytes along without another request", async () => {
  const world = createWorld();
  await run(world, async (client) => {
    const { ok } = await client.batch([request, request, request], { id: "b" }).settled();
    assert.equal(ok.length, 3);
    const lengths = await Promise.all(ok.map(async ({ result }) => (await result.image.bytes()).length));
    assert.deepEqual(lengths, [200, 200, 200]);
    const again = await client.batch([request], { id: "b" }).settled();
    assert.deepEqual(
      again.failed.map(({ error }) => [error.code, error.billed]),
      [["expired", "yes"]],
      "delivered once; the provider keeps nothing that could be fetched again",
    );
  });
  assert.equal(world.requests.length, 3);
});
