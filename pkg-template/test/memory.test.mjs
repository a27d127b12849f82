import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { load } from "./fake-core.mjs";

const { createClient, openai } = await load("inline.js");
const KIB = 1024;
const STACK = 64 * KIB;

/** Runs `use` with a client that gets this answer to everything, and gives its core's memory. */
async function memoryAfter(answer, status, use) {
  const { Instance } = WebAssembly;
  const memories = [];
  WebAssembly.Instance = class extends Instance {
    constructor(...given) {
      super(...given);
      memories.push(Object.values(this.exports).find((value) => value instanceof WebAssembly.Memory));
    }
  };
  const fetch = async () =>
    new Response(JSON.stringify(answer), { status, headers: { "content-type": "application/json" } });
  const providers = openai({ apiKey: "test", baseURL: "https://provider.test/v1" });
  try {
    await use(createClient({ providers, fetch, logLevel: "off", retry: { maxRetries: 0 } }));
  } finally {
    WebAssembly.Instance = Instance;
  }
  assert.equal(memories.length, 1, "one client, one instance, no trap");
  return new Uint8Array(memories[0].buffer);
}

/** The stack grows down from its end towards 0, in memory that starts out as zeros. */
const stackUsed = (memory) => STACK - memory.findIndex((byte) => byte !== 0);

const nested = (depth) => (depth === 0 ? "deep" : depth % 2 ? [nested(depth - 1)] : { in: nested(depth - 1) });
const request = { model: "gpt-image-1", prompt: "a tide gate" };
const image = { b64_json: "iVBORw0KGgo=" };

const cases = {
  "an image": [{ data: [image] }, 200],
  "as many images as are kept": [{ data: Array.from({ length: 64 }, () => image) }, 200],
  "the deepest answer that is read": [{ data: [image], extra: nested(30) }, 200],
  "a deeper one": [{ data: [image], extra: nested(1_000) }, 200],
  "a deep error": [{ error: nested(30) }, 400],
};
for (const [name, [answer, status]] of Object.entries(cases)) {
  test(`half of the stack is never used: ${name}`, async () => {
    const memory = await memoryAfter(answer, status, (client) => client.generate(request).catch(() => {}));
    const used = stackUsed(memory);
    assert.ok(used > 0 && used < STACK / 2, `${used} bytes`);
  });
}

test("a client with an image done keeps less than 256 KiB of wasm memory", async () => {
  const memory = await memoryAfter({ data: [image] }, 200, (client) => client.generate(request));
  assert.ok(memory.length < 256 * KIB, `${memory.length} bytes`);
});

test("a task that is over keeps nothing of its request, though its handle is kept", async () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc");
  const bytes = Uint8Array.from(atob(image.b64_json), (letter) => letter.charCodeAt(0));
  const fetch = async () => Response.json({ data: [image] });
  const client = createClient({ providers: openai({ apiKey: "test" }), fetch, logLevel: "off" });
  const begin = () => {
    const picture = new Blob([bytes]);
    return [client.generate({ ...request, images: [picture] }), new WeakRef(picture)];
  };
  const [task, picture] = begin();
  await task;
  for (let turn = 0; turn < 20 && picture.deref(); turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
  assert.equal(picture.deref(), undefined);
  assert.equal(task.state.status, "succeeded");
  await client.close();
});
