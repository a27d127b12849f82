// The built package where the answer to the submit is the image: what goes in, and what comes out.
import assert from "node:assert/strict";
import { test } from "node:test";
import { KEY, base64, createWorld, request, run, success, tidegate } from "./images-api.mjs";
import { png } from "./virtual.mjs";

const { InvalidRequestError, TaskFailedError, creativeai, openaiCompatible } = tidegate;

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
      for (const images of [["https://pictures.test/3.png", png(1, 1)], ["data:image/png,abc"], [new Blob(["text"])]]) {
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
