// Every shape of request that the package sends to OpenAI and its kin, held against OpenAI's own description.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { problemsOfRequest } from "./spec.mjs";

const folder = process.env.TIDEGATE_PACKAGE ?? fileURLToPath(new URL("../../pkg", import.meta.url));
const { createClient, creativeai, openai, openaiCompatible } = await import(pathToFileURL(`${folder}/dist/inline.js`));

const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const JPEG = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 16, 0x4a, 0x46, 0x49, 0x46, 0);
const WEBP = Buffer.concat([Buffer.from("RIFF\u0004\0\0\0WEBP", "latin1")]);
const png = (type = "image/png") => new Blob([PNG], { type });
const RELAY = "https://relay.example/v1";
const CREATIVE = "https://api.creativeai.run/v1";

/** The one request that a story makes the client send to its provider. */
const sent = async (provider, story) => {
  const requests = [];
  const fetch = async (input, init) => {
    // The host writes the form and its boundary here, as it would on the wire.
    const request = new Request(input, init);
    requests.push(request);
    if (request.method === "GET") return Response.json({ object: "list", data: [] });
    const count = request.headers.get("content-type").startsWith("application/json")
      ? (await request.clone().json()).n
      : 1;
    return Response.json({
      created: 1,
      data: Array.from({ length: count ?? 1 }, () => ({ b64_json: PNG.toString("base64") })),
    });
  };
  const client = createClient({ providers: provider, fetch, logLevel: "off", testing: { seed: 1 } });
  await story(client);
  await client.close();
  assert.equal(requests.length, 1);
  return requests[0];
};
const base = { model: "gpt-image-2", prompt: "a tide gate at dawn" };
const generation = (fields, provider = openai({ apiKey: "sk-1" })) =>
  sent(provider, (client) => client.generate({ ...base, ...fields }));
const fieldsOf = async (request) => {
  const copy = request.clone();
  return mediaTypeOf(request) === "application/json" ? copy.json() : Object.fromEntries(await copy.formData());
};
const mediaTypeOf = ({ headers }) => headers.get("content-type").split(";")[0];

/** Each shape: what the caller asks for, and fields that must stand in the request, so that none of these rows checks less than it says. */
const GENERATIONS = {
  "nothing but a prompt": [{}, base],
  "a size": [{ size: "1536x1024" }, { size: "1536x1024" }],
  "a size of the model's own choice": [{ size: "auto" }, {}],
  "a quality": [{ quality: "high" }, { quality: "high" }],
  "a background": [{ background: "transparent" }, { background: "transparent" }],
  "a format": [{ format: "webp" }, { output_format: "webp" }],
  "several images": [{ n: 10 }, { n: 10 }],
  "a ratio, as pixels": [{ aspectRatio: "16:9" }, { size: "1360x768" }],
  "a ratio of an early model": [{ model: "gpt-image-1.5", aspectRatio: "3:2" }, { size: "1536x1024" }],
  "options of the provider": [
    { providerOptions: { openai: { moderation: "low", output_compression: 80, user: "u-1", style: null } } },
    { moderation: "low", output_compression: 80, user: "u-1", style: null },
  ],
  "a field that can't be honoured, left out": [{ seed: 7, negativePrompt: "boats", unsupported: "warn" }, base],
  everything: [
    { n: 2, size: "1024x1024", quality: "low", background: "opaque", format: "jpeg" },
    { n: 2, size: "1024x1024", quality: "low", background: "opaque", output_format: "jpeg" },
  ],
};
for (const [shape, [asked, told]] of Object.entries(GENERATIONS)) {
  test(`generation: ${shape}`, async () => {
    const request = await generation(asked);
    const fields = await fieldsOf(request);
    assert.deepEqual({ ...fields, ...told }, fields);
    assert.deepEqual(await problemsOfRequest(request), []);
  });
}

const EDITS = {
  "one image": [{ images: [png()] }, {}, 1],
  "several images": [{ images: [png(), JPEG, WEBP] }, {}, 3],
  "a Blob without a type, and a File named without an ending": [{ images: [png(""), new File([PNG], "photo")] }, {}, 2],
  "a data URL": [{ images: [`data:image/png;base64,${PNG.toString("base64")}`] }, {}, 1],
  "a mask": [{ images: [png()], mask: png() }, {}, 1, true],
  everything: [
    {
      images: [png(), png()],
      mask: png(),
      n: 2,
      size: "1024x1024",
      quality: "high",
      background: "opaque",
      format: "webp",
      providerOptions: { openai: { input_fidelity: "high", output_compression: 50, user: "u-1" } },
    },
    {
      n: "2",
      size: "1024x1024",
      quality: "high",
      background: "opaque",
      output_format: "webp",
      input_fidelity: "high",
      output_compression: "50",
      user: "u-1",
    },
    2,
    true,
  ],
  "a ratio, as pixels": [{ images: [png()], aspectRatio: "1:1" }, { size: "1024x1024" }, 1],
};
for (const [shape, [asked, told, images, masked = false]] of Object.entries(EDITS)) {
  test(`edit: ${shape}`, async () => {
    const request = await generation(asked);
    assert.equal(mediaTypeOf(request), "multipart/form-data");
    const fields = await fieldsOf(request);
    assert.deepEqual({ ...fields, ...told }, fields);
    const form = await request.clone().formData();
    assert.equal([...form.getAll("image"), ...form.getAll("image[]")].length, images);
    assert.equal(form.has("mask"), masked);
    assert.deepEqual(await problemsOfRequest(request), []);
  });
}

test("check: the list of models", async () => {
  const request = await sent(openai({ apiKey: "sk-1" }), (client) => client.check());
  assert.equal(`${request.method} ${request.url}`, "GET https://api.openai.com/v1/models");
  assert.deepEqual(await problemsOfRequest(request), []);
});

for (const [name, provider, address] of [
  ["openaiCompatible", openaiCompatible({ apiKey: "sk-1", baseURL: RELAY }), RELAY],
  ["creativeai", creativeai({ apiKey: "sk-1" }), CREATIVE],
]) {
  test(`${name}: the same shapes at its own address`, async () => {
    const providerOptions = { [name]: { response_format: "b64_json" } };
    for (const fields of [
      {},
      { n: 2, quality: "low", format: "png", size: "512x512", providerOptions },
      { images: [png()] },
    ]) {
      const request = await generation(fields, provider);
      assert.deepEqual(await problemsOfRequest(request, address), []);
    }
    const check = await sent(provider, (client) => client.check());
    assert.deepEqual(await problemsOfRequest(check, address), []);
  });
}

// The judge itself: each of these is one slip away from a request that passes.
const withFields = (request, change) => async () => {
  const fields = { ...(await request.clone().json()), ...change };
  for (const name of Object.keys(fields)) if (fields[name] === undefined) delete fields[name];
  return new Request(request.url, { method: "POST", headers: request.headers, body: JSON.stringify(fields) });
};
const withForm = (request, change) => async () => {
  const form = await request.clone().formData();
  change(form);
  return new Request(request.url, { method: "POST", body: form });
};
const plain = await generation({ n: 2, quality: "low" });
const edit = await generation({ images: [png(), png()], mask: png(), n: 2 });
const SLIPS = {
  "a name misspelt": [withFields(plain, { qualty: "low" }), /\/qualty must NOT have additional/],
  "a name of ours": [withFields(plain, { aspectRatio: "1:1" }), /\/aspectRatio must NOT/],
  "a number as text": [withFields(plain, { n: "2" }), /\/n must be integer/],
  "a word that is none of the choices": [withFields(plain, { output_format: "gif" }), /\/output_format must be equal/],
  "more images than there may be": [withFields(plain, { n: 11 }), /\/n must be <= 10/],
  "no prompt": [withFields(plain, { prompt: undefined }), /\/prompt must have required/],
  "another path": [async () => new Request("https://api.openai.com/v1/images/generation", plain), /there is no POST/],
  "another method": [async () => new Request("https://api.openai.com/v1/images/edits"), /there is no GET/],
  "a query": [async () => new Request(`${plain.url}?n=2`, { method: "POST", body: "{}" }), /has no query/],
  "JSON as plain text": [
    async () => new Request(plain.url, { method: "POST", body: "{}" }),
    /does not take text\/plain/,
  ],
  "a form where JSON is due": [
    async () => new Request(plain.url, { method: "POST", body: await edit.clone().formData() }),
    /does not take multipart/,
  ],
  "a form's name misspelt": [withForm(edit, (form) => form.append("masks", png(), "a.png")), /\/masks must NOT/],
  "a form's number that is none": [withForm(edit, (form) => form.set("n", "two")), /\/n must be integer/],
  "a form's number written as a fraction": [withForm(edit, (form) => form.set("n", "2.5")), /\/n must be integer/],
  "text for a file": [withForm(edit, (form) => form.set("mask", "mask.png")), /\/mask must pass "isFile"/],
  "a file for text": [withForm(edit, (form) => form.set("prompt", png(), "a.png")), /\/prompt must be string/],
  "no image": [withForm(edit, (form) => form.delete("image[]")), /\/image must have required/],
  "one name twice": [withForm(edit, (form) => form.append("prompt", "again")), /prompt stands twice/],
  "an empty field": [withForm(edit, (form) => form.set("user", "")), /user is empty/],
  "a file without a type": [
    withForm(edit, (form) => form.set("mask", new Blob([PNG]), "a.png")),
    /mask is a file of type/,
  ],
  "a file without an ending": [withForm(edit, (form) => form.set("mask", png(), "mask")), /named "mask"/],
  "seventeen images": [
    withForm(edit, (form) => Array.from({ length: 15 }, () => form.append("image[]", png(), "a.png"))),
    /\/image must NOT have more than 16/,
  ],
};
test("the judge passes what the slips begin with", async () => {
  for (const request of [plain, edit]) assert.deepEqual(await problemsOfRequest(request), []);
});
for (const [slip, [make, complaint]] of Object.entries(SLIPS)) {
  test(`the judge sees ${slip}`, async () => {
    assert.match((await problemsOfRequest(await make())).join("\n"), complaint);
  });
}
