// What the simulator answers in OpenAI's name, held against OpenAI's own description: so that a test against the simulator is not only our word.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startSimulator } from "../openai-client/simulator.mjs";
import { problemsOfRequest, problemsOfResponse } from "./spec.mjs";

let simulator;
before(async () => {
  simulator = await startSimulator();
});
after(() => simulator.stop());
/** A world with these settings, whose pictures are of one colour: they are not looked at. */
const reset = (settings) => simulator.reset({ plain_pictures: true, ...settings });

const model = "gpt-image-2";
const size = "1024x1024";
const authorization = "Bearer sk-1";

/** The answer to a request under `/v1`, as far as it keeps to the description. */
const ask = async (method, path, { status, form, fields, headers = { authorization } }, known = []) => {
  const init = form
    ? { method, headers, body: form }
    : fields
      ? { method, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(fields) }
      : { method, headers };
  const response = await fetch(`${simulator.url}/v1${path}`, init);
  assert.equal(response.status, status);
  assert.deepEqual(await problemsOfResponse(method, path, response), known);
  return response.json();
};
const generate = (fields, rest, known) =>
  ask(
    "POST",
    "/images/generations",
    { status: 200, fields: { model, prompt: "a lake", size, ...fields }, ...rest },
    known,
  );

test("pictures: one, several, in every format and quality", async () => {
  await reset();
  assert.equal((await generate({})).data.length, 1);
  assert.equal((await generate({ n: 3 })).data.length, 3);
  for (const output_format of ["png", "jpeg", "webp"]) await generate({ output_format });
  for (const quality of ["low", "medium", "high", "auto"]) await generate({ quality, background: "transparent" });
  for (const wide of ["1536x1024", "1024x1536"]) await generate({ size: wide });
});

test("an edit", async () => {
  const { data } = await generate({});
  const form = new FormData();
  const photo = new Blob([Buffer.from(data[0].b64_json, "base64")], { type: "image/png" });
  for (const [name, value] of Object.entries({ model, prompt: "a boat", size })) form.append(name, value);
  form.append("image[]", photo, "photo.png");
  const request = new Request("https://api.openai.com/v1/images/edits", { method: "POST", body: form });
  assert.deepEqual(await problemsOfRequest(request), []);
  const answer = await ask("POST", "/images/edits", { status: 200, form });
  assert.equal(answer.data.length, 1);
});

test("the list of models", async () => {
  const { data } = await ask("GET", "/models", { status: 200 });
  assert.ok(data.some(({ id }) => id === model));
});

/** What the description of August 2026 doesn't have yet, and where it stands instead: in the types of OpenAI's client, 7.57.0, and in its guides. */
const NEWER = {
  size: "ImagesResponse/size must be equal to one of the allowed values",
  quality: "ImagesResponse/quality must be equal to one of the allowed values",
  safety: "ImagesResponse/safety_identifier must NOT have additional properties",
  moderation: "ErrorResponse/error/moderation_details must NOT have additional properties",
};
test("what is newer than the description is this and nothing else", async () => {
  await generate({ size: "1360x768" }, {}, [NEWER.size]);
  await generate({ model: "gpt-image-2.5-flare", quality: "max" }, {}, [NEWER.quality]);
  await generate({ safety_identifier: "u-1" }, {}, [NEWER.safety]);
});

const PROBLEMS = {
  "a wrong choice": [400, { output_format: "bmp" }],
  "a name that is not known": [400, { qualty: "low" }],
  "no prompt": [400, { prompt: undefined }],
  "a model that is not there": [404, { model: "gpt-image-0" }],
  "a wrong key": [401, {}, {}, { headers: { authorization: "Bearer sk-bad" } }],
  "no key": [401, {}, {}, { headers: {} }],
  "content that a filter refuses": [400, { prompt: "a [filtered] lake" }, { filter_stage: "unknown" }],
  "spent money": [429, {}, { credit_micro_usd: 0 }],
  "a billing limit": [400, {}, { credit_micro_usd: 0, quota_code: "billing_hard_limit_reached" }],
  "requests of a minute": [429, {}, { rpm: 0 }],
  "images of a minute": [429, { n: 2 }, { ipm: 1 }],
  "requests of a day": [429, {}, { rpd: 0 }],
  "no slot": [429, {}, { concurrency: 0 }],
  "an overload": [503, {}, { submit_503: 1 }],
  "a fault": [500, {}, { submit_500: 1 }],
  "a fault after the work": [500, {}, { task_failure: 1 }],
};
for (const [problem, [status, fields, settings = {}, rest]] of Object.entries(PROBLEMS)) {
  test(`an error is one by the description: ${problem}`, async () => {
    await reset(settings);
    const { error } = await generate(fields, { status, ...rest });
    assert.notEqual(error.message, "");
  });
}
test("a filter's details are the one field of errors that is newer", async () => {
  for (const filter_stage of ["input", "output"]) {
    await reset({ filter_stage });
    await generate({ prompt: "a [filtered] lake" }, { status: 400 }, [NEWER.moderation]);
  }
});

test("the judge sees what is wrong with an answer", async () => {
  await reset();
  const answer = await generate({});
  const slip = (change, status = 200) =>
    problemsOfResponse("POST", "/images/generations", Response.json({ ...answer, ...change }, { status }));
  assert.deepEqual(await slip({}), []);
  assert.match((await slip({ created: "now" })).join(), /\/created must be integer/);
  assert.match((await slip({ images: [] })).join(), /\/images must NOT have additional/);
  assert.match((await slip({ data: [{ b64_json: 1 }] })).join(), /\/data\/0\/b64_json must be string/);
  assert.match(
    (await slip({ usage: { ...answer.usage, total_tokens: undefined } })).join(),
    /\/usage\/total_tokens must/,
  );
  assert.match((await slip({}, 500)).join(), /ErrorResponse\/error must have required/);
  const page = new Response("<html>", { status: 502, headers: { "content-type": "text/html" } });
  assert.deepEqual(await problemsOfResponse("POST", "/images/edits", page), ["502 of /images/edits is no text/html"]);
});
