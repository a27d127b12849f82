import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./fake-core.mjs";

const { readBody, toAnswer } = await load("body.js");
const decode = (bytes) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
/** What the core gets, as text. */
const readResponse = async (response, limit = 100) => {
  const [kind, body] = await readBody(response, limit);
  return body ? [kind, decode(body)] : [kind];
};
const read = (body, init, { limit = 100 } = {}) => readResponse(new Response(body, init), limit);
const stream = (chunks, cancel = () => {}) => {
  let at = 0;
  return new ReadableStream(
    { pull: (c) => (at < chunks.length ? c.enqueue(chunks[at++]) : c.close()), cancel },
    { highWaterMark: 0 },
  );
};
const bytes = (...values) => Uint8Array.from(values);

test("bytes, nothing", async () => {
  assert.deepEqual(await read('{"a":[1]}'), [4, '{"a":[1]}']);
  assert.deepEqual(await read("\ufeff{}"), [4, "\ufeff{}"]);
  assert.deepEqual(await read(null), [6]);
  assert.deepEqual(await read(""), [6]);
});

test("a short answer is the core's to read; of a long one it gets the text, from which long strings are cut out", () => {
  const held = [];
  const answer = (text) => {
    const [kind, body] = toAnswer(typeof text === "string" ? new TextEncoder().encode(text) : text, (long) =>
      held.push(long),
    );
    return body ? [kind, decode(body)] : [kind];
  };
  assert.deepEqual(answer("<html>"), [0, "<html>"]);
  const [long, short] = ["x".repeat(4097), "y".repeat(4096)];
  const cut = `"\x011 ${"x".repeat(64)}"`;
  const json = (first) => `{"a":["\\"é",1,null,${first}],"b":"${short}"}`;
  assert.deepEqual(answer(json(`"${long}"`)), [7, json(cut)]);
  assert.deepEqual(held, [long]);
  // An escape is what it stands for.
  assert.deepEqual(answer(`["${"\\n".repeat(3000)}\\\\"]`), [7, `["\x012 ${"\\n".repeat(64)}"]`]);
  assert.equal(held[1], `${"\n".repeat(3000)}\\`);
  // Events are cut alike, whatever stands in comments between them.
  const events = (data) => `: it's "open\n\ndata: {"b64_json":${data}}\r\n\r\ndata: [DONE]\n\n`;
  assert.deepEqual(answer(events(`"${long}"`)), [7, events(cut.replace("1 ", "3 "))]);
  // Nothing that comes can pass for what is held.
  const forged = answer(`["\x011 x","${short}"]`)[1];
  assert.ok(!forged.includes("\x01"), forged.slice(0, 20));
  assert.deepEqual(answer(`  <html>${"x".repeat(9000)}`), [1, `<html>${"x".repeat(4090)}`]);
  assert.deepEqual(answer(`\ufeff"${short}"`), [7, `"${short}"`]);
  assert.deepEqual(answer(bytes(...new Array(5000).fill(34), 0xe2, 0x82)), [3]);
  assert.equal(answer("[".repeat(5e5))[0], 7, "how deep it may be is the core's to say");
});

test("what goes into the core, whose memory never shrinks again, is bounded, however much of an answer may come", () => {
  const answer = (value) => toAnswer(new TextEncoder().encode(JSON.stringify(value)), () => 1);
  const texts = (count) => Array.from({ length: count }, () => "y".repeat(4_000));
  assert.equal(answer(texts(1_000))[0], 7);
  for (const value of [texts(2_000), Array.from({ length: 3e6 }, () => 1)]) assert.deepEqual(answer(value), [2]);
  assert.equal(answer(Array.from({ length: 64 }, () => "y".repeat(1e6)))[0], 7, "image data stays outside");
});

test("too much is cancelled while it streams", async () => {
  let cancelled = false;
  const endless = new ReadableStream({
    pull: (c) => c.enqueue(new Uint8Array(40)),
    cancel: () => void (cancelled = true),
  });
  assert.deepEqual(await readResponse(new Response(endless)), [2]);
  assert.ok(cancelled);
  assert.equal((await read("x".repeat(100)))[0], 4);
  assert.deepEqual(await read("x".repeat(101)), [2]);
});

test("cut short: a broken stream, fewer bytes than announced", async () => {
  const broken = new ReadableStream({ start: (c) => c.enqueue(bytes(123)), pull: (c) => c.error(new Error("reset")) });
  assert.deepEqual(await readResponse(new Response(broken)), [8, "{"], "what had come may be whole documents");
  const nothing = new ReadableStream({ pull: (c) => c.error(new Error("reset")) });
  assert.deepEqual(await readResponse(new Response(nothing)), [3]);
  assert.deepEqual(await read("{}", { headers: { "content-length": "9" } }), [3]);
  assert.deepEqual(await read("{}", { headers: { "content-length": "2" } }), [4, "{}"]);
  assert.deepEqual(await read("{}", { headers: { "content-length": "9", "content-encoding": "gzip" } }), [4, "{}"]);
  assert.deepEqual(await read(stream([bytes(34, 0xe2), bytes(0x82, 0xac, 34)])), [4, '"€"']);
  // Across origins the encoding is hidden: the length says nothing.
  const cors = Object.defineProperty(new Response("{}", { headers: { "content-length": "9" } }), "type", {
    value: "cors",
  });
  assert.deepEqual(await readResponse(cors), [4, "{}"]);
});

test("redirects are not read", async () => {
  let cancelled = 0;
  for (const status of [301, 302, 307, 308]) {
    const body = stream([bytes(1)], () => cancelled++);
    assert.deepEqual(await readResponse(new Response(body, { status })), [5]);
  }
  assert.equal(cancelled, 4);
  assert.deepEqual(await readResponse({ type: "opaqueredirect", status: 0, body: null, headers: new Headers() }), [5]);
});

test("bytes stay bytes", async () => {
  const [kind, value] = await readBody(new Response(stream([bytes(1, 255), bytes(3)])), 100);
  assert.deepEqual([kind, [...value]], [4, [1, 255, 3]]);
});

test("a host without streams is read all the same", async () => {
  const whole = {
    type: "default",
    status: 200,
    headers: new Headers(),
    arrayBuffer: async () => new TextEncoder().encode("[1]").buffer,
  };
  assert.deepEqual(await readResponse(whole), [4, "[1]"]);
  assert.deepEqual(await readResponse(whole, 2), [2]);
});
