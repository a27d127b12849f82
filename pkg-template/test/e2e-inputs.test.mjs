// The built package in virtual time: what goes in (pictures, keys) while it is being put together, and what must never go in.
import assert from "node:assert/strict";
import { test } from "node:test";
import { dist } from "./fake-core.mjs";
import { inVirtualTime, png } from "./virtual.mjs";

const { createClient, openai, openaiCompatible } = await import(new URL("inline.js", dist).href);
const request = { model: "gpt-image-2", prompt: "a tide gate at dawn" };
const picture = "https://pictures.test/1.png";
const submits = (requests) => requests.filter(({ host }) => host === "api.openai.com");

/** OpenAI, which answers in a second, and pictures that take `pictureMs`; a story with a client of its own. */
const run = ({ pictureMs = 1_000, concurrency = 1, ...options }, story) => {
  const requests = [];
  const fetch = async (clock, input, init = {}) => {
    const { host } = new URL(input);
    requests.push({ host, body: init.body, signal: init.signal });
    const aborted = new Promise((_, reject) =>
      init.signal?.addEventListener("abort", () => reject(init.signal.reason), { once: true }),
    );
    await Promise.race([clock.sleep(host === "api.openai.com" ? 1_000 : pictureMs), aborted]);
    if (host !== "api.openai.com") return new Response(png(3, 3));
    return Response.json({ data: [{ b64_json: Buffer.from(png(8, 4)).toString("base64") }] });
  };
  return inVirtualTime(async (clock) => {
    const client = createClient({
      // OpenAI itself would fetch addresses; whoever else speaks its format gets bytes.
      providers: openaiCompatible({ apiKey: "sk-1", baseURL: "https://api.openai.com/v1", limits: { concurrency } }),
      testing: { seed: 1 },
      logLevel: "off",
      ...options,
    });
    try {
      return await story(client, requests, clock);
    } finally {
      await client.close();
    }
  }, fetch);
};

test("aborted while its pictures are fetched: they are let go, and nothing is bought", async () => {
  await run({}, async (client, requests, clock) => {
    const controller = new AbortController();
    const task = client.generate({ ...request, images: [picture] }, { signal: controller.signal });
    await clock.sleep(500);
    assert.deepEqual(
      requests.map(({ host }) => host),
      ["pictures.test"],
    );
    controller.abort(new Error("enough"));
    await assert.rejects(task, { message: "enough" });
    assert.equal(requests[0].signal?.aborted, true);
    assert.equal(client.status().lanes[0].held, 0);
    await clock.sleep(60_000);
    assert.equal(submits(requests).length, 0);
    assert.deepEqual(await client.pending(), []);
    await client.generate(request);
  });
});

test("cancelled while its key is fetched: nothing is bought, and it says so", async () => {
  let give;
  const providers = openai({ apiKey: () => new Promise((resolve) => (give = () => resolve("sk-1"))) });
  await run({ providers }, async (client, requests, clock) => {
    const task = client.generate(request);
    await clock.sleep(100);
    assert.equal(await task.cancel(), "before-submit");
    await assert.rejects(task, { code: "cancelled", billed: "no" });
    give();
    await clock.sleep(1_000);
    assert.equal(requests.length, 0);
    assert.equal(client.status().lanes[0].held, 0);
  });
});

test("pictures that don't come cost nothing, hold no slot and leave no doubt", async () => {
  await run({ pictureMs: 10_000_000 }, async (client, requests) => {
    const wish = { ...request, images: [picture] };
    await assert.rejects(client.generate(wish, { timeout: 5_000 }), { code: "timeout", billed: "no" });
    await assert.rejects(client.generate(wish, { deadline: 5_000 }), { billed: "no" });
    assert.equal(client.status().lanes[0].held, 0);
    assert.ok(requests.every(({ signal }) => signal.aborted));
    assert.equal(submits(requests).length, 0);
  });
});

test("a number is no picture, whatever is held under it", async () => {
  await run({}, async (client, requests, clock) => {
    const first = client.generate({ ...request, images: [new Blob([png(7, 7)])] });
    await clock.sleep(100);
    for (const number of [0, 1, 2, 3]) {
      await assert.rejects(client.generate({ ...request, images: [number] }), { param: "images" });
      await assert.rejects(client.generate({ ...request, images: [new Blob([png(1, 1)])], mask: number }), {
        param: "mask",
      });
    }
    await first;
    assert.equal(requests.length, 1);
  });
});

test("bytes are those of the call, whatever becomes of them afterwards", async () => {
  await run({}, async (client, requests) => {
    const before = client.generate(request);
    const bytes = png(5, 5);
    const edit = client.generate({ ...request, images: [bytes] });
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    await Promise.all([before, edit]);
    const file = requests[1].body.get("image");
    assert.equal(new DataView(await file.arrayBuffer()).getUint32(16), 5);
  });
});

test("a picture is called what its File is called, with the ending of what it is", async () => {
  const named = [
    [new File([png(1, 1)], "photo"), "photo.png"],
    [new File([png(1, 1)], "photo.png"), "photo.png"],
    [new File([png(1, 1)], "my photo.JPG", { type: "image/jpeg" }), "my photo.png"],
    [new File([png(1, 1)], "v1.2"), "v1.2.png"],
    [new File([new Uint8Array([0xff, 0xd8, 0xff, 0xe0])], "cat.jpg"), "cat.jpg"],
    [new Blob([png(1, 1)]), "image.png"],
  ];
  await run({}, async (client, requests) => {
    for (const [picture, name] of named) {
      await client.generate({ ...request, images: [picture] });
      const file = requests.at(-1).body.get("image");
      assert.deepEqual([file.name, file.type], [name, `image/${/jpg$/.test(name) ? "jpeg" : "png"}`]);
    }
    await client.generate({ ...request, images: [named[0][0], named[4][0]] });
    const { body } = requests.at(-1);
    assert.deepEqual(
      [body.get("image"), body.getAll("image[]").map(({ name }) => name)],
      [null, ["photo.png", "cat.jpg"]],
    );
  });
});

test("OpenAI gets addresses as they are, in JSON, and fetches them itself", async () => {
  await run({ providers: openai({ apiKey: "sk-1" }) }, async (client, requests) => {
    await client.generate({ ...request, images: [picture, `${picture}?b`], mask: picture, size: "1024x1024" });
    assert.deepEqual(JSON.parse(requests[0].body), {
      model: "gpt-image-2",
      prompt: request.prompt,
      size: "1024x1024",
      images: [{ image_url: picture }, { image_url: `${picture}?b` }],
      mask: { image_url: picture },
    });
    assert.equal(requests.length, 1, "nothing was fetched from here");
    // A size that its description of JSON does not have, and bytes beside an address, travel in a form.
    await client.generate({ ...request, images: [picture], size: "1536x864" });
    await client.generate({ ...request, images: [picture, png(1, 1)] });
    const forms = submits(requests)
      .slice(1)
      .map(({ body }) => body);
    assert.deepEqual([forms[0].getAll("image").length, forms[1].getAll("image[]").length], [1, 2]);
  });
});

test("what is no picture is refused before anything is sent, with what it seems to be", async () => {
  await run({}, async (client, requests) => {
    const refused = async (input, message) =>
      assert.rejects(client.generate({ ...request, images: [input] }), { param: "images", billed: "no", message });
    await refused(new Blob(["<svg xmlns='x'/>"]), "images: is an SVG or a page: models take PNG, JPEG or WebP");
    await refused(new Blob(['\n<?xml version="1.0"?><svg/>']), /an SVG/);
    await refused("iVBORw0KGgo".repeat(10_000), /too long \(110000 characters\); .*`data:image\/png;base64,`/);
    const began = performance.now();
    await refused("A".repeat(30_000_000), /looks like base64/);
    await assert.rejects(client.generate({ ...request, prompt: "x ".repeat(15_000_000) }), { param: "prompt" });
    assert.ok(performance.now() - began < 500, "by their length alone");
    assert.equal(requests.length, 0);
  });
});

test("a server fetches pictures from public hosts only", async () => {
  await run({}, async (client, requests) => {
    for (const address of [
      "http://127.0.0.1:8080/admin.png",
      "http://localhost/a.png",
      "https://169.254.169.254/latest/a.png",
      "https://10.0.0.1/a.png",
      "https://vault.internal/a.png",
    ]) {
      await assert.rejects(client.generate({ ...request, images: [address] }), { param: "images" }, address);
      await assert.rejects(client.generate({ ...request, images: [picture], mask: address }), { param: "mask" });
    }
    assert.equal(requests.length, 0);
  });
});

test("an edit that an earlier process had sent is not sent again with what this one holds", async () => {
  const records = new Map();
  const store = {
    get: async (key) => records.get(key),
    put: async (key, record) => void records.set(key, record),
    delete: async (key) => void records.delete(key),
    async *all() {
      yield* [...records];
    },
  };
  const retry = { ambiguous: "always" };
  let left;
  await run({ store }, async (client, requests, clock) => {
    void client.generate({ ...request, images: [new Blob([png(1, 1)])] }, { idempotencyKey: "mine" });
    await clock.sleep(500);
    assert.equal(requests.length, 1);
    left = new Map(records);
  });
  records.clear();
  for (const [key, record] of left) records.set(key, record);
  await run({ store, concurrency: 2 }, async (client, requests) => {
    const other = client.generate({ ...request, images: [new Blob([png(9, 9)])] });
    const again = client.resume("mine", { retry });
    await assert.rejects(again, { code: "unknown-outcome" });
    await other;
    assert.equal(requests.length, 1);
  });
});

test("what is wrong with a mask or a prompt is told of the mask and of the prompt", async () => {
  await run({}, async (client, requests) => {
    const images = [new Blob([png(1, 1)])];
    await assert.rejects(client.generate({ ...request, images, mask: new Blob(["text"]) }), {
      param: "mask",
      message: "mask: is not an image (PNG, JPEG, WebP, GIF or AVIF)",
    });
    await assert.rejects(client.generate({ ...request, images: [new Blob()] }), {
      param: "images",
      message: "images: is not an image (PNG, JPEG, WebP, GIF or AVIF)",
    });
    await assert.rejects(client.generate({ ...request, prompt: "x".repeat(2_000_000) }), {
      param: "prompt",
      message: "prompt: is too long (2000000 characters)",
    });
    await assert.rejects(client.generate({ ...request, prompt: "x".repeat(32_001) }), {
      param: "prompt",
      message: "prompt: must have 1 to 32000 characters, not only blanks",
    });
    assert.equal(requests.length, 0);
  });
});
