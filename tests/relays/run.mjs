// Drives the built package through LiteLLM's proxy against the simulator, fault by fault, and tells what each became on the way.
// `cargo xtask relays` sets up what it needs, and says by which names: TIDEGATE_PACKAGE, TIDEGATE_SIMULATOR_PROGRAM, TIDEGATE_LITELLM, TIDEGATE_RELAYS_FOLDER.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { startSimulator } from "../openai-client/simulator.mjs";
import { failing } from "../wire/demands.mjs";
import { FAULTS } from "./faults.mjs";
import { freePort, ONCE, startLiteLlm, UPSTREAM_KEY } from "./litellm.mjs";
import { caseOf, pageOf } from "./report.mjs";
import { startTap } from "./tap.mjs";

/** Nothing of this takes longer; then everything that was started ends, too. */
const MOST_MS = 1_800_000;
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

const { values: options } = parseArgs({
  options: {
    only: { type: "string" },
    page: { type: "string" },
    cases: { type: "string" },
    version: { type: "string" },
  },
});
const env = (name) => process.env[name] ?? fail(`${name} is not set: start this by \`cargo xtask relays\``);
const fail = (text) => {
  throw new Error(text);
};
const { ImageError, createClient, openaiCompatible } = await import(
  pathToFileURL(`${env("TIDEGATE_PACKAGE")}/dist/inline.js`)
);

process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));
setTimeout(() => {
  console.error("relays: it takes too long, and ends");
  process.exit(1);
}, MOST_MS).unref();

const simulator = await startSimulator();
const tap = await startTap(simulator.url);
const relay = await startLiteLlm(env("TIDEGATE_LITELLM"), env("TIDEGATE_RELAYS_FOLDER"), tap.url);

const nowhere = `http://127.0.0.1:${await freePort()}`;

/** A new world with this fault in it. */
const begin = async ({ world, instead, prime }) => {
  const submit = (address, key, model, headers) =>
    fetch(`${address}/v1/images/generations`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
      body: JSON.stringify({ model, prompt: "a lake" }),
    });
  if (prime === "cooldown") {
    // A refusal rests a deployment at once; other faults only by their share.
    await simulator.reset({ concurrency: 0 });
    for (let deployment = 0; deployment < 6; deployment++) await submit(relay.url, "sk-relay", "pool", ONCE);
  }
  await simulator.reset({ plain_pictures: true, ...world });
  if (prime === "window") await submit(simulator.url, UPSTREAM_KEY, "gpt-image-2");
  tap.begin(instead);
};

/** One call of the package, with what the relay answered to each of its requests. */
const call = async (fault, headers) => {
  const posts = [];
  const answers = [];
  const started = performance.now();
  const now = () => Math.round(performance.now() - started);
  const fetching = async (input, init) => {
    posts.push({ at: now() });
    const answer = { at: now() };
    answers.push(answer);
    try {
      const response = await fetch(input, init);
      const body = await response.clone().text();
      Object.assign(answer, { status: response.status, headers: Object.fromEntries(response.headers), body });
      return response;
    } catch (error) {
      const { code, syscall } = error.cause ?? {};
      answer.fails = { message: error.message, cause: { code, syscall } };
      throw error;
    } finally {
      answer.ms = now() - answer.at;
    }
  };
  const client = createClient({
    providers: openaiCompatible({
      apiKey: fault.key,
      baseURL: `${fault.down ? nowhere : relay.url}/v1`,
      headers,
    }),
    fetch: fetching,
    logLevel: "off",
    testing: { seed: 1 },
    maxWait: 45_000,
    deadline: 120_000,
  });
  const came = { posts, answers };
  try {
    const images = fault.edit ? { images: [PNG] } : {};
    came.result = await client.generate({ model: fault.model, prompt: "a lake", ...images, ...fault.request });
    const sent = answers.at(-1).body;
    const pictures = await Promise.all(came.result.images.map((image) => image.bytes()));
    came.bytes = pictures.map((bytes) =>
      sent.includes(Buffer.from(bytes).toString("base64")) ? PNG : Buffer.alloc(0),
    );
  } catch (error) {
    if (!ImageError.is(error)) throw error;
    came.error = error;
  }
  await client.close();
  came.ms = now();
  came.firstAnswer = answers[0].ms;
  came.upstream = tap.said();
  // What was lost or given up may still be drawn; it is charged when it is done.
  let stats = await simulator.stats();
  while (stats.in_flight > 0) stats = await simulator.stats();
  came.charges = stats.charges - (fault.prime === "window" ? 1 : 0);
  return came;
};

const rows = [];
let wrong = 0;
try {
  for (const fault of FAULTS.filter(({ name }) => name.includes(options.only ?? ""))) {
    await begin(fault);
    const came = await call(fault, fault.prime ? ONCE : {});
    const row = { fault, came, wrong: failing(caseOf(fault, came), came, PNG) };
    // What does it cost upstream where the relay's router is told not to try again?
    if (!fault.prime && !fault.down && came.upstream.length > 1) {
      await begin(fault);
      row.once = await call(fault, ONCE);
    }
    rows.push(row);
    wrong += row.wrong.length > 0;
    const { error, answers, upstream, charges } = came;
    const told = error ? `${error.code}, billed ${error.billed}` : "image";
    console.log(
      `${row.wrong.length === 0 ? "right" : "WRONG"}  ${fault.name}: ${answers.map((answer) => answer.status ?? "-").join(" ")} → ${told}`,
      `(${answers.length} to the relay, ${upstream.length} upstream, ${charges} charged)`,
      row.wrong.length === 0 ? "" : `not as it should be: ${row.wrong.join(", ")}`,
    );
  }
} finally {
  await relay.stop();
  tap.stop();
  simulator.stop();
}
const source = `LiteLLM ${options.version} by cargo xtask relays`;
if (options.page) {
  mkdirSync(dirname(options.page), { recursive: true });
  writeFileSync(options.page, pageOf(rows, options.version));
}
if (options.cases) {
  const known = new Map(readCases(options.cases).map((row) => [row.id, row.fails_today]));
  const cases = rows.map(({ fault, came }) => {
    const row = { source, ...caseOf(fault, came) };
    const mark = known.get(row.id);
    return JSON.stringify(mark ? { ...row, fails_today: mark } : row);
  });
  writeFileSync(options.cases, `${cases.join("\n")}\n`);
}
console.log(`\n${rows.length - wrong} of ${rows.length} faults came out right`);

function readCases(path) {
  try {
    return readFileSync(path, "utf8").split("\n").filter(Boolean).map(JSON.parse);
  } catch {
    return [];
  }
}
