// How fetches fail, as a row of any host: what it says today must be read as the table of fetch failures says.
import { readFile, writeFile } from "node:fs/promises";
import { makeCertificates } from "../certificates.mjs";
import { startFaultyNetwork } from "../faulty-network.mjs";

/**
 * A line of the table: the hosts that say these words of this failure, whether the request can have left, and the core's kind of failure. `words` is
 * empty where an answer comes, whole or not. `ends` is what a client ends with if that is not as `sent` has it.
 *
 * @typedef {{ failure: string, hosts: string[], words: string, sent: "never" | "unknown" | "indistinguishable" | "answered", kind?: string, ends?: string }} Line
 */
const TABLE = new URL("../fetch-failures.jsonl", import.meta.url);

/** @returns {Promise<Line[]>} */
export const readTable = async () =>
  (await readFile(TABLE, "utf8"))
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));

/** What is another one at each run. */
export const plainWords = (words) =>
  words
    .replace(/(127\.0\.0\.1|localhost):\d+/g, "$1:443")
    .replace(/\b\d{6,}\b/g, "0")
    .replace(/reference = \w+/, "reference = x");

const ENDS = {
  never: "network no",
  unknown: "unknown-outcome unknown",
  indistinguishable: "unknown-outcome unknown",
  answered: "picture",
};

/** What a message must say, by the core's kind of failure. */
const ADVICE = {
  dns: "is the baseURL right",
  refused: "Nothing listens",
  forbidden: "may not use",
  issuer: "NODE_EXTRA_CA_CERTS",
  tls: "scheme, host and port",
  browser: "CORS",
  worker: "is the baseURL right",
};

/**
 * @param {string} name the host's
 * @param {string} group the row's
 * @param {(context, programName: string, env: object) => Promise<object>} runIn runs a program in the host with `context.input`, in an environment that
 *   trusts the good authority
 * @param {{ limit?: number, at?: object, runTrusting?: typeof runIn }} [host] how long a server must be silent for a limit of its fetch to strike, where that
 *   can be made short, ms; failures that it alone has; where it trusts no authority of ours, what runs a program so that it trusts any certificate
 */
export const fetchFailuresRow = (name, group, runIn, { limit, at = {}, runTrusting } = {}) => ({
  name: `${name}, fetch failures`,
  group,
  async run(context) {
    const certificates = await makeCertificates(await context.folder({}));
    const network = await startFaultyNetwork(certificates, limit);
    context.atEnd(network.close);
    const env = { NODE_EXTRA_CA_CERTS: certificates.authority, DENO_CERT: certificates.authority };
    const { apiKey } = context.input;
    const measure = (run, addresses) => {
      context.input = { apiKey, at: addresses };
      return run(context, "fetch-failures.mjs", env);
    };
    const addresses = { ...network.at, ...at };
    if (!limit) delete addresses["limit of the host's own fetch"];
    const { GOAWAY, ...others } = addresses;
    const { version, outcomes } = await measure(runIn, runTrusting ? others : addresses);
    if (runTrusting) outcomes.push(...(await measure(runTrusting, { GOAWAY })).outcomes);
    const measured = outcomes.map((outcome) => ({ ...outcome, words: plainWords(outcome.words) }));
    return { version, measured, requests: network.requests };
  },
  async check(outcome) {
    if (process.env.TIDEGATE_RECORD_FETCH_FAILURES) await record(name, outcome.measured);
    const wrong = wrongIn(name, outcome, await readTable());
    if (wrong.length > 0) throw new Error(wrong.join("\n"));
    outcome.summary = `${outcome.measured.length} failures read as the table says`;
  },
});

const endOf = ({ sent, ends }) => ends ?? ENDS[sent];

/** Puts what a host says today into the table beside what it has said. What words mean is not measured: new ones get a kind by hand, and old ones go by hand. */
async function record(host, measured) {
  const table = await readTable();
  for (const { failure, words, ends } of measured) {
    const line = table.find((line) => line.failure === failure && line.words === words && endOf(line) === ends);
    if (!line) table.push({ failure, hosts: [host], words, ...meaningOf(words, ends, table) });
    else if (!line.hosts.includes(host)) line.hosts.push(host);
  }
  const order = [...new Set(table.map(({ failure }) => failure))];
  table.sort((one, other) => order.indexOf(one.failure) - order.indexOf(other.failure));
  await writeFile(TABLE, table.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

function meaningOf(words, ends, table) {
  const known = table.find((line) => line.words === words && words !== "");
  const { sent, kind } = known ?? (words ? { sent: "unknown", kind: "" } : { sent: "answered" });
  return { sent, kind, ...(ends !== ENDS[sent] && { ends }) };
}

function wrongIn(host, { version, measured, requests }, table) {
  const wrong = version ? [] : ["the row names no version of its host"];
  for (const { failure, words, ends, message = "" } of measured) {
    const lines = table.filter((line) => line.failure === failure && line.hosts.includes(host));
    const told = `${failure}: "${words}" ended as ${ends} (${message})`;
    // Words that are new are no matter so long as they are read rightly. Where a race decides between words, each has a line, and the client may meet the other ones.
    const line = lines.find((line) => endOf(line) === ends);
    if (!line) wrong.push(`${told}; the table has ${JSON.stringify(lines)}`);
    else if (!lines.some((line) => (line.words === "") === (words === "")))
      wrong.push(`${told}; the table has "${line.words}"`);
    else if (ends !== "picture" && !message.includes(ADVICE[line.kind] ?? ""))
      wrong.push(`${told}; the advice is missing`);
  }
  const submits = (failure) => requests.filter((one) => one.failure === failure && one.method === "POST");
  const images = submits("image whose encoding lies").length;
  if (images !== 2) wrong.push(`an image whose encoding lies was bought ${images - 1} times`);
  // A bare fetch's and the client's own; the third is the client's, after the hint.
  const [, refused, again] = submits("refusal whose encoding lies");
  if (!(again?.at - refused?.at >= 1_000)) wrong.push("the hint of a refusal whose encoding lies was lost");
  return wrong;
}
