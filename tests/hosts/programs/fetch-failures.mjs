// Measures what the host's fetch says of each failure, in the words that reach the core, and what the client makes of it.
import { reason } from "./node_modules/tidegate/dist/reason.js";

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** The longest that a request may take, ms; `no answer` is given up sooner. */
const LIMIT = 30_000;
const PATIENCE = { "no answer": 500 };

const LAST = "limit of the host's own fetch";

/**
 * @param input `{ apiKey, at }`: by the name of a failure the address that has it
 * @returns of each `{ failure, words, ends, message }`: what the fetch was rejected with, if it was; "picture", or the code and the bill of the client's error
 */
export default async function measureAll(tidegate, { apiKey, at }) {
  const one = (failure) => measure(tidegate, { apiKey, failure, baseURL: at[failure] });
  const outcomes = await withTwoAddresses(() => {
    const all = Object.keys(at).filter((failure) => failure !== LAST);
    return Promise.all(all.map(one));
  });
  if (at[LAST]) outcomes.push(await withLimit(() => one(LAST)));
  return { outcomes };
}

async function measure(tidegate, { apiKey, failure, baseURL }) {
  const timeout = PATIENCE[failure] ?? LIMIT;
  const bare = () => wordsOf(`${baseURL}/v1/tasks`, timeout);
  const whole = () => endOf(tidegate, { apiKey, baseURL, timeout });
  if (!failure.startsWith("kept connection")) {
    const [words, end] = await Promise.all([bare(), whole()]);
    return { failure, words, ...end };
  }
  // One after the other, each on a connection that has been used and kept.
  const warm = async () => {
    await (await fetch(`${baseURL}/warm`)).text();
    await sleep(150);
  };
  await warm();
  const words = await bare();
  await warm();
  return { failure, words, ...(await whole()) };
}

/** As the package sends a submit. */
async function wordsOf(url, timeout) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), timeout);
  try {
    const headers = new Headers({ "content-type": "application/json", authorization: "Bearer none" });
    const init = { method: "POST", headers, redirect: "manual", signal: controller.signal, body: "{}" };
    await (await fetch(url, init)).arrayBuffer().catch(() => {});
    return "";
  } catch (cause) {
    return controller.signal.aborted ? "" : reason(cause);
  } finally {
    clearTimeout(timer);
  }
}

async function endOf({ createClient, hiapi }, { apiKey, baseURL, timeout }) {
  const client = createClient({
    providers: hiapi({ apiKey, baseURL }),
    dangerouslyAllowBrowser: true,
    logLevel: "off",
  });
  try {
    const request = { model: "gpt-image-2", prompt: "a tide gate whose cable is cut" };
    const { image } = await client.generate(request, { timeout, retry: { maxRetries: 0 }, download: true });
    await image.bytes();
    return { ends: "picture" };
  } catch ({ code, billed, message }) {
    return { ends: `${code} ${billed}`, message };
  } finally {
    await client.close();
  }
}

/** Node, where it has but one address of this computer, gets both: then its error is an AggregateError. */
async function withTwoAddresses(act) {
  if (!globalThis.process?.versions?.undici) return act();
  const { default: dns } = await import("node:dns");
  const { lookup } = dns;
  const both = [
    { address: "::1", family: 6 },
    { address: "127.0.0.1", family: 4 },
  ];
  dns.lookup = (name, options, done) =>
    name === "localhost" && options.all ? done(null, both) : lookup(name, options, done);
  try {
    return await act();
  } finally {
    dns.lookup = lookup;
  }
}

/** Node's own limit of five minutes is made so short that it strikes; Bun's has been, by its environment. */
async function withLimit(act) {
  const symbol = Symbol.for("undici.globalDispatcher.1");
  const before = globalThis[symbol];
  if (!before) return act();
  globalThis[symbol] = new before.constructor({ headersTimeout: 400, bodyTimeout: 400 });
  try {
    return await act();
  } finally {
    globalThis[symbol] = before;
  }
}
