// Runs rows: each generates an image from the simulator in one host, from the packed tarball, and the simulator's ledger must agree.
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { Browsers } from "./browsers.mjs";
import { serveFolder, takeReports } from "./pages.mjs";
import { startSimulator } from "./simulator.mjs";

const execute = promisify(execFile);

/** The longest that a row may take, in milliseconds; what hangs fails. */
const ROW_LIMIT = 120_000;
/** The longest that a page or a process may take for its program. */
const PROGRAM_LIMIT = 60_000;

/** Where a program is that hosts run: generate.mjs, hostile.mjs, and what starts them in a process or a page. */
export const program = (name) => new URL(`programs/${name}`, import.meta.url);

/**
 * @typedef {object} Row one line of the table
 * @property {string} name unique among all rows
 * @property {string} group the table's heading that it stands under
 * @property {(context: Context) => Promise<Outcome>} run generates the image of `context.input` in the host; rejects when it can't
 * @property {(outcome: Outcome, context: Context) => unknown} [check] instead of `isPaidImage`
 *
 * @typedef {{ version: string, bytes?: number, mediaType?: string, width?: number, height?: number }} Outcome what the program gave, and the host's version
 */

/** What a row gets. */
class Context {
  /** For the program: `{ apiKey, baseURL, prompt }`, the key and the prompt of this row alone. */
  input;
  /** The packed package. */
  tarball;
  simulator;
  #shared;
  #ends = [];

  constructor(row, number, shared) {
    this.#shared = shared;
    this.tarball = shared.tarball;
    this.simulator = shared.simulator;
    // No longer than nine letters, or the ledger would not show it whole.
    this.input = { apiKey: `sk-${number}`, baseURL: shared.simulator.url, prompt: `a tide gate, drawn in ${row.name}` };
  }

  /** A fresh folder with the tarball installed and these files in it: each by its name, a URL to copy it from or its text. */
  async folder(files) {
    const folder = await mkdtemp(join(this.#shared.workplace, "row-"));
    await cp(this.#shared.installed, folder, { recursive: true });
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(folder, name), content instanceof URL ? await readFile(content) : content);
    }
    return folder;
  }

  /** Runs a program to its end, within a limit; gives its stdout. */
  run(command, words, options = {}) {
    return run(command, words, options);
  }

  /** Runs a host whose last line on stdout is what programs/in-process.mjs printed. */
  async inProcess(command, words, options) {
    const lines = (await this.run(command, words, options)).trim().split("\n");
    return resultOf(JSON.parse(lines.at(-1)));
  }

  /** Serves a folder on an origin of its own until the row ends; gives the origin. */
  async serve(folder, headers) {
    const server = await serveFolder(folder, headers);
    this.atEnd(server.close);
    return server.url;
  }

  /** Opens a page that reports by programs/in-page.mjs, in Chromium, Firefox or WebKitGTK; `trusting` is one that takes any certificate. */
  async inPage(browserName, url, trusting = false) {
    const { input } = this;
    const browser = await this.#shared.browsers.get(browserName, trusting);
    const { url: report, report: reported } = this.#shared.reports.expect(PROGRAM_LIMIT);
    await browser.open(`${url}#${encodeURIComponent(JSON.stringify({ ...input, report }))}`);
    return { version: browser.version, ...resultOf(await reported) };
  }

  /** Where pages report to: a strict Content-Security-Policy must name it. */
  get reportOrigin() {
    return this.#shared.reports.origin;
  }

  /** Has something done when the row is over, however it ends. */
  atEnd(act) {
    this.#ends.push(act);
  }

  async end() {
    for (const act of this.#ends.reverse()) await act();
  }
}

function resultOf(outcome) {
  if (outcome.failure) throw new Error(outcome.failure);
  return outcome.result;
}

async function run(command, words, options) {
  try {
    const { stdout } = await execute(command, words, { timeout: PROGRAM_LIMIT, maxBuffer: 1 << 26, ...options });
    return stdout;
  } catch (error) {
    const ending = error.killed ? `was stopped after ${(options?.timeout ?? PROGRAM_LIMIT) / 1000} s` : "failed";
    throw new Error(`${basename(command)} ${ending}\n${error.stdout ?? ""}${error.stderr ?? error.message}`, {
      cause: error,
    });
  }
}

/** The picture is one, and the simulator's ledger says that this row's key was charged for it once and got it. */
export async function isPaidImage({ version, bytes, mediaType, width }, { input, simulator }) {
  if (!version) throw new Error("the row names no version of its host");
  if (mediaType !== "image/png" || !(bytes > 1000) || width !== 512)
    throw new Error(`not the picture: ${bytes} bytes of ${mediaType}, ${width} wide`);
  const charges = await simulator.chargesOf(input.apiKey);
  const [charge] = charges;
  if (charges.length !== 1) throw new Error(`charged ${charges.length} times`);
  if (charge.prompt !== input.prompt || !charge.delivered || !charge.image_fetched)
    throw new Error(`the ledger has another picture: ${JSON.stringify(charge)}`);
}

/**
 * Runs rows one after the other, and tells of each as it ends.
 *
 * @param {Row[]} rows
 * @param {{ tarball: string, simulatorProgram: string }} options
 * @returns {Promise<{ name, group, version, outcome?, seconds, failure? }[]>} of each row; what has a `failure` failed
 */
export async function runRows(rows, { tarball, simulatorProgram }) {
  const twice = rows.find(({ name }, at) => rows.findIndex((row) => row.name === name) !== at);
  if (twice) throw new Error(`two rows are named ${twice.name}`);
  const workplace = await mkdtemp(join(tmpdir(), "tidegate-hosts-"));
  const browsers = new Browsers();
  const simulator = await startSimulator(simulatorProgram);
  const reports = await takeReports();
  try {
    const shared = { tarball, workplace, browsers, simulator, reports, installed: await install(workplace, tarball) };
    const results = [];
    for (const [at, row] of rows.entries()) {
      const result = await runRow(row, new Context(row, at + 1, shared));
      console.log(lineOf(result));
      results.push(result);
    }
    return results;
  } finally {
    await browsers.close();
    reports.close();
    simulator.stop();
    await rm(workplace, { recursive: true, force: true });
  }
}

async function install(workplace, tarball) {
  const folder = join(workplace, "installed");
  await mkdir(folder);
  await writeFile(join(folder, "package.json"), '{ "private": true }\n');
  await run("npm", ["install", "--offline", "--no-audit", "--no-fund", tarball], { cwd: folder });
  return folder;
}

async function runRow(row, context) {
  const begun = performance.now();
  const told = { name: row.name, group: row.group };
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not over after ${ROW_LIMIT / 1000} s`)), ROW_LIMIT);
  });
  const work = async () => {
    const outcome = await row.run(context);
    await (row.check ?? isPaidImage)(outcome, context);
    return outcome;
  };
  const seconds = () => (performance.now() - begun) / 1000;
  try {
    const { version, ...outcome } = await Promise.race([work(), limit]);
    return { ...told, version, outcome, seconds: seconds() };
  } catch (error) {
    return { ...told, version: "", seconds: seconds(), failure: error.message };
  } finally {
    clearTimeout(timer);
    await context.end().catch((error) => console.error(`${row.name}: ${error.message}`));
  }
}

function lineOf({ name, version, outcome, seconds, failure }) {
  const columns = [name.padEnd(44), version.padEnd(14), `${seconds.toFixed(1).padStart(6)} s `];
  return columns.join(" ") + (failure ? ` FAILED: ${failure}` : ` ${summaryOf(outcome)}`);
}

/** What a row gave, in a few words. */
export const summaryOf = ({ summary, message, mediaType, width, height, bytes }) =>
  summary ?? message ?? `${mediaType} ${width}x${height}, ${bytes} bytes`;

/** The version of a package installed in a folder. */
export async function versionOf(folder, name) {
  return JSON.parse(await readFile(join(folder, "node_modules", name, "package.json"), "utf8")).version;
}
