// A relay, a delivery network and a slow store of pictures, by `createSimulator`; what a client makes of them is `tests/laws` and the corpus.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./fake-core.mjs";

const { createClient, creativeai, hiapi, openai } = await load("inline.js");
const { createSimulator } = await load("testing.js");

/** Each field with a value that is not its default, and what the world then says. */
const fields = {
  blanks: [0.5, "relay_blanks"],
  secondDocument: [0.5, "relay_second_document"],
  stream: [0.5, "relay_stream"],
  earlyStatus: [0.5, "relay_early_status"],
  failure: [0.5, "relay_failure"],
  task: [0.5, "relay_task"],
  taskForm: ["location", "relay_task_form"],
  base64: ["url-safe", "relay_base64"],
  rawImage: [0.5, "relay_raw"],
  pictures: ["relative", "relay_pictures"],
  origin: ["https://relay.test:8443", "relay_origin"],
  errors: ["one-api", "relay_errors"],
  surplus: [0.5, "relay_surplus"],
  strikes: ["polls", "cdn_on"],
  unreached: [0.5, "cdn_unreached"],
  challenge: [0.5, "cdn_challenge"],
  rateLimited: [0.5, "cdn_1015"],
  unreadable: [0.5, "cdn_520"],
  tooLate: [0.5, "cdn_524"],
  timeoutMs: [100_000, "cdn_timeout_ms"],
  badGateway: [0.5, "gateway_502"],
  unavailable: [0.5, "gateway_503"],
  gatewayTimeout: [0.5, "gateway_504"],
  clientLeft: [0.5, "gateway_460"],
  clientClosed: [0.5, "gateway_499"],
  pictureLateMs: [3_000, "store_late_ms"],
  pictureLateStatus: ["mixed", "store_status"],
};

test("every setting of the intermediary has a field, at the beginning and later", () => {
  const plain = createSimulator().world.settings();
  const known = Object.keys(plain).filter((name) => /^(relay|cdn|gateway|store)_/.test(name));
  assert.deepEqual(
    known.sort(),
    Object.values(fields)
      .map(([, setting]) => setting)
      .sort(),
  );
  for (const [field, [value, setting]] of Object.entries(fields)) {
    const set = createSimulator({ intermediary: { [field]: value } }).world.settings();
    assert.deepEqual(set, { ...plain, [setting]: value }, field);
  }
  const simulator = createSimulator({ intermediary: { timeoutMs: 5_000, blanks: 1 } });
  simulator.configure({ intermediary: { timeoutMs: Infinity, challenge: 1 } });
  const { cdn_timeout_ms, relay_blanks, cdn_challenge } = simulator.world.settings();
  assert.deepEqual([cdn_timeout_ms, relay_blanks, cdn_challenge], [null, 1, 1]);
});

test("what is no value of a field is named", () => {
  for (const [name, value] of Object.entries({
    blanks: 2,
    base64: "rot13",
    pictureLateMs: Infinity,
    origin: 1,
    fog: 1,
  })) {
    const error = { name: "TypeError", message: new RegExp(`^createSimulator: intermediary\\.${name} `) };
    assert.throws(() => createSimulator({ intermediary: { [name]: value } }), error);
  }
});

const request = { model: "gpt-image-2", prompt: "a tide gate at dawn", size: "1024x1024" };
const submit = (simulator) =>
  simulator.fetch("https://relay.test/v1/images/generations", {
    method: "POST",
    body: JSON.stringify(request),
    headers: { authorization: "Bearer k", "content-type": "application/json" },
  });

test("a page in the provider's place comes with its marks, and the provider was never asked", async () => {
  const simulator = createSimulator({ intermediary: { challenge: 1 } });
  const response = await submit(simulator);
  assert.deepEqual([response.status, response.headers.get("cf-mitigated")], [403, "challenge"]);
  assert.match(response.headers.get("cf-ray"), /^[0-9a-f]{16}-/);
  assert.match(await response.text(), /Just a moment/);
  assert.deepEqual([simulator.stats().submits, simulator.ledger()], [0, []]);
});

test("an answer that is thrown away was paid for", async () => {
  const simulator = createSimulator({ intermediary: { timeoutMs: 5_000 }, durationMs: [9_000, 9_000] });
  assert.equal((await submit(simulator)).status, 524);
  assert.ok(simulator.now() < 5_100, `${simulator.now()} ms`);
  await simulator.advance(10_000);
  assert.deepEqual(
    simulator.ledger().map(({ images, delivered }) => [images, delivered]),
    [[1, false]],
  );
});

test("a task of the relay's is polled where it says, and its picture is shown there", async () => {
  const simulator = createSimulator({ intermediary: { task: 1, taskForm: "location", pictures: "relative" } });
  const accepted = await submit(simulator);
  assert.equal(accepted.status, 202);
  const where = new URL(accepted.headers.get("location"), "https://relay.test/v1/images/generations");
  let told;
  do {
    await simulator.advance(1_000);
    told = await (await simulator.fetch(where, { headers: { authorization: "Bearer k" } })).json();
  } while (told.status === "processing");
  assert.equal(told.status, "completed");
  const picture = await simulator.fetch(new URL(told.data[0].url, where));
  assert.deepEqual([picture.status, picture.headers.get("content-type")], [200, "image/png"]);
});

/** What a client reads all the same. */
const readable = [
  { blanks: 1 },
  { secondDocument: 1 },
  { stream: 1 },
  { earlyStatus: 1 },
  { task: 1, taskForm: "location" },
  { task: 1, taskForm: "status-url" },
  ...["url-safe", "unpadded", "lines", "data-url"].map((base64) => ({ base64 })),
  { rawImage: 1 },
  { pictures: "relative" },
  { pictures: "absolute", origin: "https://relay.test:8443" },
  { pictures: "relative", pictureLateMs: 3_000, pictureLateStatus: "mixed" },
  { surplus: 1 },
  { errors: "mixed" },
];

test("a client gets the provider's own picture, to the byte, and it is charged once", async () => {
  const wrong = [];
  for (const [provider, path] of [
    [hiapi, ""],
    [openai, "/v1"],
    [creativeai, "/creativeai/v1"],
  ]) {
    const draw = async (intermediary) => {
      const simulator = createSimulator({ intermediary });
      const providers = provider({ apiKey: "test", baseURL: `https://relay.test:8443${path}` });
      const client = createClient({ providers, logLevel: "off", ...simulator.options });
      const { image } = await client.generate(request);
      const bytes = await image.bytes();
      await client.close();
      assert.equal(simulator.ledger().length, 1);
      return bytes;
    };
    const plain = await draw({});
    for (const intermediary of readable) {
      const what = `${provider.name} ${JSON.stringify(intermediary)}`;
      const bytes = await draw(intermediary).catch(String);
      if (typeof bytes === "string") wrong.push(`${what}: ${bytes}`);
      else if (Buffer.compare(bytes, plain) !== 0) wrong.push(`${what}: another picture`);
    }
  }
  assert.deepEqual(wrong, []);
});
