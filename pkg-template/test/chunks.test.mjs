// A body comes in pieces, cut wherever the net cuts it: what is read of it is the same.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./fake-core.mjs";
import { base64, createWorld, request, run } from "./images-api.mjs";
import { png } from "./virtual.mjs";

const { readBody, toAnswer } = await load("body.js");
const encode = (text) => new TextEncoder().encode(text);
const picture = (size) => Object.assign(new Uint8Array(size), png(2, 2));
const completed = (size, more = {}) =>
  JSON.stringify({ type: "image_generation.completed", b64_json: base64(picture(size)), ...more });
/** A word that looks like the end of a stream, and letters of several bytes. */
const prompt = 'a lake, data: [DONE]\n\n"é漢🌊"';

const BODIES = {
  document: JSON.stringify({ created: 1, data: [{ b64_json: base64(picture(200)), revised_prompt: prompt }] }),
  events: `: ping\r\n\r\nevent: image_generation.completed\r\ndata: ${completed(200, { revised_prompt: prompt })}\r\n\r\ndata: [DONE]\r\n\r\n`,
  "events, each line ended by CR": `data: ${completed(200, { revised_prompt: prompt })}\r\rdata: [DONE]\r\r`,
  "events behind a word of the end": `data: {"note":"data: [DONE]"}\n\ndata: ${completed(200)}\n\ndata: [DONE]\n\n`,
};
const response = (chunks, type) =>
  new Response(
    new ReadableStream({
      start(controller) {
        for (const chunk of chunks) if (chunk.length > 0) controller.enqueue(chunk);
        controller.close();
      },
    }),
    { headers: { "content-type": type } },
  );
/** What the core gets of a body in these pieces, but for blanks at its end, and what stays here. */
const got = async (chunks, type) => {
  const held = [];
  const [kind, bytes] = await readBody(response(chunks, type), 1 << 20);
  const answer = bytes ? toAnswer(bytes, (value) => held.push(value)) : [kind];
  return JSON.stringify([answer[0], answer[1] && Buffer.from(answer[1]).toString().trimEnd(), held]);
};
const types = ["text/event-stream", "application/json"];

for (const [name, text] of Object.entries(BODIES)) {
  const bytes = encode(text);
  test(`${name}: cut once, at every byte`, async () => {
    for (const type of types) {
      const whole = await got([bytes], type);
      assert.ok(JSON.parse(whole)[1].includes("b64_json"));
      for (let at = 1; at < bytes.length; at++)
        assert.equal(await got([bytes.subarray(0, at), bytes.subarray(at)], type), whole, `${type}, at ${at}`);
    }
  });

  test(`${name}: cut into bytes, and the image is the same`, async () => {
    const chunks = Array.from(bytes, (byte) => Uint8Array.of(byte));
    for (const type of types) {
      assert.equal(await got(chunks, type), await got([bytes], type));
      const world = createWorld({ script: () => response(chunks, type) });
      await run(world, async (client) => {
        const { image } = await client.generate(request);
        assert.deepEqual(await image.bytes(), picture(200));
      });
    }
  });
}

test("a long stream, whose picture stays on this side, in pieces of a thousand bytes", async () => {
  const bytes = encode(`: ping\n\ndata: ${completed(9_000, { revised_prompt: prompt })}\n\ndata: [DONE]\n\n`);
  for (let length = 997; length < 1_003; length++) {
    const chunks = [];
    for (let at = 0; at < bytes.length; at += length) chunks.push(bytes.subarray(at, at + length));
    for (const type of types) assert.equal(await got(chunks, type), await got([bytes], type));
    const world = createWorld({ script: () => response(chunks, types[0]) });
    await run(world, async (client) => {
      assert.deepEqual(await (await client.generate(request)).image.bytes(), picture(9_000));
    });
  }
});

test("10,000 events of progress, and the image behind them", async () => {
  const progress = `data: {"type":"image_generation.partial_image","b64_json":"${base64(png(1, 1))}"}\n\n`;
  const bytes = encode(`${progress.repeat(10_000)}data: ${completed(200)}\n\n`);
  const world = createWorld({ script: () => response([bytes], types[0]) });
  await run(world, async (client) => {
    assert.deepEqual(await (await client.generate(request)).image.bytes(), picture(200));
  });
  assert.equal(world.requests.length, 1);
});
