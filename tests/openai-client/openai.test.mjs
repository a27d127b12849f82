// OpenAI's client against the simulator: what the client understands, the simulator says as OpenAI does.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import OpenAI, { toFile } from "openai";
import { startSimulator } from "./simulator.mjs";

let simulator;
before(async () => {
  simulator = await startSimulator();
});
after(() => simulator.stop());
beforeEach(() => simulator.reset());

const model = "gpt-image-2";
const size = "1024x1024";
const connect = (options) =>
  new OpenAI({ apiKey: "test", baseURL: `${simulator.url}/v1`, maxRetries: 0, timeout: 60_000, ...options });
const bytesOf = ({ b64_json }) => Buffer.from(b64_json, "base64");
const SIGNATURES = { png: "89504e470d0a1a0a", jpeg: "ffd8ff", webp: "52494646" };
const isA = (bytes, format) => bytes.toString("hex").startsWith(SIGNATURES[format]);
/** Width and height of a PNG. */
const sidesOf = (png) => [png.readUInt32BE(16), png.readUInt32BE(20)];
const png = (bytes, name) => toFile(bytes, name, { type: "image/png" });

/** The error of a refused request, checked for its class and these fields. */
async function refused(promise, type, fields) {
  const error = await promise.then(
    () => assert.fail("it was carried out"),
    (error) => error,
  );
  assert.ok(error instanceof type, `${error}`);
  for (const [name, value] of Object.entries(fields)) assert.deepEqual(error[name], value, name);
  return error;
}

test("a picture is generated: base64 of a PNG, with usage and ids", async () => {
  const {
    data,
    response,
    request_id: id,
  } = await connect()
    .images.generate({ model, prompt: "a tide gate at dawn", size, quality: "high", n: 2 })
    .withResponse();
  assert.equal(data.data.length, 2);
  for (const image of data.data) {
    assert.ok(isA(bytesOf(image), "png"));
    assert.deepEqual(sidesOf(bytesOf(image)), [1024, 1024]);
  }
  assert.notEqual(data.data[0].b64_json, data.data[1].b64_json);
  assert.deepEqual([data.size, data.quality, data.output_format, data.background], [size, "high", "png", "opaque"]);
  assert.equal(data.usage.output_tokens, 2 * 1756);
  assert.equal(data.usage.total_tokens, data.usage.input_tokens + data.usage.output_tokens);
  assert.ok(Math.abs(data.created - Date.now() / 1000) < 600);
  assert.match(id, /^req_/);
  assert.ok(Number(response.headers.get("openai-processing-ms")) >= 50);
  const [charge] = await simulator.ledger();
  assert.deepEqual([charge.provider, charge.model, charge.images, charge.delivered], ["openai", model, 2, true]);
});

test("every format that is drawn is what it says", async () => {
  for (const output_format of ["jpeg", "webp"]) {
    const { data, ...answer } = await connect().images.generate({ model, prompt: "a lake", output_format });
    assert.ok(isA(bytesOf(data[0]), output_format));
    assert.equal(answer.output_format, output_format);
  }
});

test("an edit takes images and a mask, and shows them", async () => {
  const client = connect();
  const photo = bytesOf((await client.images.generate({ model, prompt: "a lake", size })).data[0]);
  const oval = await client.images.generate({ model, prompt: "a hill", size, background: "transparent" });
  const mask = bytesOf(oval.data[0]);
  const edit = async (fields) => {
    const answer = await client.images.edit({ model, prompt: "a boat", size, ...fields });
    return bytesOf(answer.data[0]);
  };
  const image = () => png(photo, "photo.png");
  const masked = await edit({ image: await image(), mask: await png(mask, "mask.png") });
  assert.deepEqual([isA(masked, "png"), ...sidesOf(masked)], [true, 1024, 1024]);
  const several = await edit({ image: [await image(), await png(mask, "oval.png")], n: 1 });
  const unmasked = await edit({ image: await image() });
  const different = new Set([photo, mask, masked, several, unmasked].map((bytes) => bytes.toString("base64")));
  assert.equal(different.size, 5);
  await refused(edit({ image: await toFile(photo, "photo") }), OpenAI.BadRequestError, {
    code: "unsupported_file_mimetype",
    param: "image",
  });
  await refused(edit({ image: await png(Buffer.from("no image"), "a.png") }), OpenAI.BadRequestError, {
    code: "invalid_image_file",
  });
});

test("a limit is a RateLimitError with its headers, and the client that waits as told comes through", async () => {
  await simulator.reset({ ipm: 3, rpm: 100, hint: "every" });
  const generate = (client, n) => client.images.generate({ model, prompt: "a lake", n });
  await generate(connect(), 2);
  const limited = await refused(generate(connect(), 2), OpenAI.RateLimitError, {
    status: 429,
    code: "rate_limit_exceeded",
    type: "input-images",
  });
  const told = (name) => limited.headers.get(name);
  assert.deepEqual([told("x-ratelimit-limit-input-images"), told("x-ratelimit-remaining-input-images")], ["3", "1"]);
  assert.deepEqual([told("x-ratelimit-limit-requests"), told("x-ratelimit-remaining-requests")], ["100", "99"]);
  assert.match(told("x-ratelimit-reset-input-images"), /^\d+(\.\d+)?s$/);
  const wait = Number(told("retry-after-ms"));
  assert.ok(wait > 50_000 && wait <= 60_000);
  assert.equal(Number(told("retry-after")), Math.ceil(wait / 1000));
  assert.match(limited.message, /Limit 3, Used 2, Requested 2\. Please try again in \d+(\.\d+)?s\.$/);

  await simulator.reset({ rpm: 1, rpm_window_ms: 2000, hint: "milliseconds" });
  const patient = connect({ maxRetries: 2 });
  await Promise.all([generate(patient, 1), generate(patient, 1)]);
  assert.ok((await simulator.stats()).refused_window >= 1);
});

test("slots are the requests in flight", async () => {
  await simulator.reset({ concurrency: 1, duration: "fixed:4000", refuse_after_ms: 300 });
  const first = connect().images.generate({ model, prompt: "a lake" });
  while ((await simulator.stats()).in_flight === 0);
  const begun = performance.now();
  await refused(connect().images.generate({ model, prompt: "a hill" }), OpenAI.RateLimitError, { type: "requests" });
  assert.ok(performance.now() - begun >= 300);
  assert.equal((await first).data.length, 1);
});

test("spent money is a RateLimitError too, and a client that is told so does not try again", async () => {
  await simulator.reset({ credit_micro_usd: 0, should_retry: false });
  const generate = () => connect({ maxRetries: 2 }).images.generate({ model, prompt: "a lake" });
  const fields = { type: "insufficient_quota", code: "insufficient_quota", status: 429 };
  await refused(generate(), OpenAI.RateLimitError, fields);
  assert.equal((await simulator.stats()).unpaid, 1);
  await simulator.reset({ credit_micro_usd: 0, should_retry: false, quota_code: "billing_hard_limit_reached" });
  await refused(generate(), OpenAI.BadRequestError, { code: "billing_hard_limit_reached" });
});

test("the content policy is a BadRequestError that says what it found", async () => {
  const blocked = async (prompt, stage, category) => {
    const error = await refused(connect().images.generate({ model, prompt }), OpenAI.BadRequestError, {
      code: "moderation_blocked",
      type: "image_generation_user_error",
    });
    assert.deepEqual(error.error.moderation_details, { moderation_stage: stage, categories: [category] });
    assert.ok(error.message.includes(error.requestID) && error.message.includes(`safety_violations=[${category}]`));
  };
  await blocked("a [filtered] lake", "output", "violence");
  await simulator.reset({ filter_stage: "input" });
  await blocked("a [filtered-hard] lake", "input", "sexual/minors");
  assert.deepEqual(await simulator.ledger(), []);
});

test("what is wrong with a request has the client's class for it", async () => {
  const client = connect();
  const generate = (fields) => client.images.generate({ model, prompt: "a lake", ...fields });
  await refused(generate({ response_format: "b64_json" }), OpenAI.BadRequestError, {
    code: "unknown_parameter",
    param: "response_format",
  });
  const streaming = await refused(generate({ stream: true }), OpenAI.BadRequestError, { param: "stream" });
  assert.match(streaming.message, /no streaming/);
  await refused(generate({ model: "gpt-image-1" }), OpenAI.NotFoundError, { code: "model_not_found" });
  const bad = connect({ apiKey: "sk-bad" }).images.generate({ model, prompt: "a lake" });
  await refused(bad, OpenAI.AuthenticationError, { code: "invalid_api_key" });
  const failed = generate({ prompt: "a [fail]" });
  await refused(failed, OpenAI.InternalServerError, { status: 500, code: "server_error" });
  await simulator.reset({ submit_503: 1 });
  await refused(generate({}), OpenAI.InternalServerError, { status: 503, code: "server_overloaded" });
  await simulator.reset({ truncated_json: 1 });
  await assert.rejects(generate({}), SyntaxError);
  const models = [];
  for await (const { id } of client.models.list()) models.push(id);
  assert.ok(models.includes(model) && !models.includes("gpt-image-1"));
});

test("a lost answer that the client sends again is bought again: there is no idempotency here", async () => {
  await simulator.reset({ lost_answer: 1 });
  // One attempt may go to a connection that the simulator has just closed, because answers are to be lost from now on.
  const lost = connect({ maxRetries: 2 }).images.generate({ model, prompt: "a lake" });
  await refused(lost, OpenAI.APIConnectionError, { status: undefined });
  const charges = await simulator.ledger();
  assert.ok(charges.length >= 2, `${charges.length} charges`);
  assert.ok(charges.every(({ delivered, prompt }) => !delivered && prompt === "a lake"));
  assert.equal((await simulator.stats()).lost, charges.length);
});

test("a request that the client gives up is charged all the same", async () => {
  await simulator.reset({ duration: "fixed:400" });
  const controller = new AbortController();
  const options = { signal: controller.signal };
  const given = connect().images.generate({ model, prompt: "a lake" }, options);
  while ((await simulator.stats()).in_flight === 0);
  controller.abort();
  await refused(given, OpenAI.APIUserAbortError, {});
  let charges = [];
  while (charges.length === 0) charges = await simulator.ledger();
  assert.deepEqual([charges[0].delivered, (await simulator.stats()).abandoned], [false, 1]);
});

test("CreativeAI answers the same client with links", async () => {
  const client = connect({ baseURL: `${simulator.url}/creativeai/v1` });
  const { data } = await client.images.generate({ model: "seedream-3.0", prompt: "a lake", camera_angle: "low" });
  const response = await fetch(data[0].url);
  assert.equal(response.headers.get("content-type"), "image/png");
  assert.ok(isA(Buffer.from(await response.arrayBuffer()), "png"));
  const [charge] = await simulator.ledger();
  assert.deepEqual([charge.provider, charge.image_fetched], ["creativeai", true]);
  assert.equal((await simulator.stats()).leaked_credentials, 0);
});
