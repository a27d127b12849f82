import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { createTestClient, json, plainResult, tidegate } from "./fake-core.mjs";

const { InvalidRequestError, ProviderUnavailableError, CancelledError } = tidegate;
const request = { model: "m", prompt: "a boat" };
const picture = Uint8Array.from([137, 80, 78, 71, 250]);
const provider = async (url) => (String(url).startsWith("https://images.test") ? new Response(picture) : json({}));

test("bytes are fetched once, without credentials, when they are asked for", async () => {
  let images = 0;
  const { client, world } = createTestClient(async (url, init) => {
    if (String(url).startsWith("https://images.test")) assert.deepEqual([++images, [...init.headers]], [1, []]);
    return provider(url);
  });
  const { image } = await client.generate(request);
  assert.equal(images, 0);
  const [bytes, again] = await Promise.all([image.bytes(), image.bytes()]);
  assert.equal(bytes, again);
  assert.deepEqual([...bytes], [...picture]);
  assert.deepEqual(world.named("answer")[1].slice(3), [4, { handle: 1, head: picture }]);
  assert.deepEqual({ ...image }, { mediaType: "image/webp", url: "https://images.test/1.png", width: 2, height: 3 });
  const blob = await image.blob();
  assert.deepEqual([blob.type, blob.size], ["image/webp", 5]);
  assert.equal(await image.base64(), Buffer.from(picture).toString("base64"));
  assert.equal(await image.dataURL(), `data:image/webp;base64,${Buffer.from(picture).toString("base64")}`);
});

test("base64 of more than one stride", async () => {
  const large = new Uint8Array(200_001).map((_, index) => index * 7);
  const { client } = createTestClient(async (url) =>
    String(url).startsWith("https://images.test") ? new Response(large) : json({}),
  );
  const { image } = await client.generate(request);
  assert.equal(await image.base64(), Buffer.from(large).toString("base64"));
});

test("a fetch that fails is a typed error, and the next call tries again", async () => {
  let down = true;
  const { client } = createTestClient(async (url) => {
    if (String(url).startsWith("https://images.test") && down) throw new TypeError("fetch failed");
    return provider(url);
  });
  const { image } = await client.generate(request);
  await assert.rejects(image.bytes(), ProviderUnavailableError);
  down = false;
  assert.equal((await image.bytes()).length, 5);
});

test("what was downloaded with the task is not fetched again", async () => {
  const { client, world } = createTestClient(provider);
  let handle;
  world.onAnswer = (core, call) => {
    core.tasks.set(call.task, { task: call.task, owner: 0, url: "https://images.test/1.png", fresh: true });
    const { answer } = core;
    core.answer = (number, status, headers, kind, head, held) => {
      core.answer = answer;
      handle = held;
      core.host.settle(
        call.task,
        "succeeded",
        plainResult({ images: [{ mediaType: "image/png", handle, width: 1, height: 1 }] }),
      );
    };
    core.wake(0);
  };
  const { image } = await client.generate(request, { download: true });
  assert.equal(typeof handle, "number");
  assert.deepEqual([...(await image.bytes())], [...picture]);
  assert.deepEqual(world.named("download"), []);
});

test("after close an image that is not here yet rejects", async () => {
  const { client } = createTestClient(provider);
  const { image } = await client.generate(request);
  await client.close();
  await assert.rejects(image.bytes(), CancelledError);
});

afterEach(() => ["OffscreenCanvas", "createImageBitmap"].forEach((name) => delete globalThis[name]));

test("convert without codecs is a clear typed error", async () => {
  const { client } = createTestClient(provider);
  const { image } = await client.generate(request);
  await assert.rejects(
    image.convert({ format: "webp" }),
    (error) => InvalidRequestError.is(error) && error.param === "converter" && /OffscreenCanvas/.test(error.message),
  );
  for (const [to, param] of [
    [{ format: "gif" }, "format"],
    [{ width: 0 }, "width"],
    [{ fit: "x" }, "fit"],
    [{ quality: 2 }, "quality"],
    [{ size: 1 }, "size"],
    [undefined, "options"],
  ]) {
    await assert.rejects(image.convert(to), (error) => error.param === param);
  }
});

test("convert by a converter", async () => {
  const converter = async (bytes, to) => Uint8Array.from([...bytes, to.width]);
  const { client } = createTestClient(provider, { converter });
  const { image } = await client.generate(request);
  const converted = await image.convert({ format: "jpeg", width: 9 });
  assert.equal(converted.mediaType, "image/jpeg");
  assert.deepEqual([...(await converted.bytes())], [...picture, 9]);
  assert.equal((await image.convert({ width: 9 })).mediaType, "image/webp");
});

/** A canvas that notes what is drawn on it. */
const fakeCanvas = (width, height, makes = (type) => type) => {
  const notes = [];
  globalThis.createImageBitmap = async () => ({ width, height, close: () => notes.push("close") });
  globalThis.OffscreenCanvas = class {
    constructor(...size) {
      notes.push(["canvas", ...size]);
    }
    getContext() {
      return { fillRect: (...a) => notes.push(["fill", ...a]), drawImage: (_, ...a) => notes.push(["draw", ...a]) };
    }
    async convertToBlob({ type, quality }) {
      notes.push(["encode", type, quality]);
      return new Blob(["made"], { type: makes(type) });
    }
  };
  return notes;
};

test("convert by the host's canvas: sizes and fits", async () => {
  const { client } = createTestClient(provider);
  const { image } = await client.generate(request);
  const run = async (to) => {
    const notes = fakeCanvas(200, 100);
    const converted = await image.convert(to);
    assert.equal(await (await converted.blob()).text(), "made");
    return [notes, converted];
  };
  const [cover, covered] = await run({ width: 100, height: 100, format: "png", quality: 0.5 });
  assert.deepEqual(cover, [["canvas", 100, 100], ["draw", -50, 0, 200, 100], "close", ["encode", "image/png", 0.5]]);
  assert.deepEqual({ ...covered }, { mediaType: "image/png", width: 100, height: 100 });
  assert.deepEqual((await run({ width: 100, height: 100, fit: "contain" }))[0][1], ["draw", 0, 25, 100, 50]);
  assert.deepEqual((await run({ width: 100, height: 100, fit: "fill" }))[0][1], ["draw", 0, 0, 100, 100]);
  assert.deepEqual((await run({ width: 50 }))[0][0], ["canvas", 50, 25]);
  assert.deepEqual((await run({ height: 50 }))[0][0], ["canvas", 100, 50]);
  assert.deepEqual((await run({ format: "jpeg" }))[0].slice(0, 2), [
    ["canvas", 200, 100],
    ["fill", 0, 0, 200, 100],
  ]);
});

test("a format that the canvas cannot write rejects rather than passing for another", async () => {
  const { client } = createTestClient(provider);
  const { image } = await client.generate(request);
  fakeCanvas(2, 2, () => "image/png");
  await assert.rejects(
    image.convert({ format: "webp" }),
    (error) => InvalidRequestError.is(error) && error.param === "format",
  );
});
