import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./fake-core.mjs";

const { readBody } = await load("body.js");
const read = (body, init, { limit = 100, binary = false } = {}) => readBody(new Response(body, init), limit, binary);
const stream = (chunks, cancel = () => {}) => {
  let at = 0;
  return new ReadableStream(
    { pull: (c) => (at < chunks.length ? c.enqueue(chunks[at++]) : c.close()), cancel },
    { highWaterMark: 0 },
  );
};
const bytes = (...values) => Uint8Array.from(values);

test("JSON, other text, nothing", async () => {
  assert.deepEqual(await read('{"a":[1]}'), [0, { a: [1] }]);
  assert.deepEqual(await read("\ufeff{}"), [0, {}]);
  assert.deepEqual(await read("<html>"), [1, "<html>"]);
  assert.deepEqual(await read("x".repeat(9000), {}, { limit: 1e4 }), [1, "x".repeat(4096)]);
  assert.deepEqual(await read(null), [6]);
  assert.deepEqual(await read(""), [6]);
  assert.equal((await read("[".repeat(5e5), {}, { limit: 1e6 }))[0], 1);
});

test("too much is cancelled while it streams", async () => {
  let cancelled = false;
  const endless = new ReadableStream({
    pull: (c) => c.enqueue(new Uint8Array(40)),
    cancel: () => void (cancelled = true),
  });
  assert.deepEqual(await readBody(new Response(endless), 100, false), [2]);
  assert.ok(cancelled);
  assert.equal((await read("x".repeat(100)))[0], 1);
  assert.deepEqual(await read("x".repeat(101)), [2]);
});

test("cut short: a broken stream, fewer bytes than announced, half a character", async () => {
  const broken = new ReadableStream({ start: (c) => c.enqueue(bytes(123)), pull: (c) => c.error(new Error("reset")) });
  assert.deepEqual(await readBody(new Response(broken), 100, false), [3]);
  assert.deepEqual(await read("{}", { headers: { "content-length": "9" } }), [3]);
  assert.deepEqual(await read("{}", { headers: { "content-length": "2" } }), [0, {}]);
  assert.deepEqual(await read("{}", { headers: { "content-length": "9", "content-encoding": "gzip" } }), [0, {}]);
  assert.deepEqual(await read(bytes(34, 0xe2, 0x82, 34)), [3]);
  assert.deepEqual(await read(stream([bytes(34, 0xe2), bytes(0x82, 0xac, 34)])), [0, "€"]);
  // Across origins the encoding is hidden: the length says nothing.
  const cors = Object.defineProperty(new Response("{}", { headers: { "content-length": "9" } }), "type", {
    value: "cors",
  });
  assert.deepEqual(await readBody(cors, 100, false), [0, {}]);
});

test("redirects are not read", async () => {
  let cancelled = 0;
  for (const status of [301, 302, 307, 308]) {
    const body = stream([bytes(1)], () => cancelled++);
    assert.deepEqual(await readBody(new Response(body, { status }), 100, false), [5]);
  }
  assert.equal(cancelled, 4);
  assert.deepEqual(
    await readBody({ type: "opaqueredirect", status: 0, body: null, headers: new Headers() }, 100, false),
    [5],
  );
});

test("bytes stay bytes", async () => {
  const [kind, value] = await read(stream([bytes(1, 2), bytes(3)]), {}, { binary: true });
  assert.deepEqual([kind, [...value]], [4, [1, 2, 3]]);
  assert.deepEqual(await read(null, {}, { binary: true }), [6]);
});

test("a host without streams is read all the same", async () => {
  const whole = {
    type: "default",
    status: 200,
    headers: new Headers(),
    arrayBuffer: async () => new TextEncoder().encode("[1]").buffer,
  };
  assert.deepEqual(await readBody(whole, 100, false), [0, [1]]);
  assert.deepEqual(await readBody(whole, 2, false), [2]);
});
