// Browsers without a bundler: a plain page, a page under a strict policy, and a module worker. The page's origin is never the simulator's.
import { program } from "../harness.mjs";
import { fetchFailuresRow } from "./fetch-failures.mjs";
import { FETCH_OF_BROWSERS, hostileRow } from "./hostile.mjs";

const ENTRY = "./node_modules/tidegate/dist/inline.js";

const page = (...lines) => `<!doctype html>\n<meta charset="utf-8">\n<title>tidegate</title>\n${lines.join("\n")}\n`;
const start = (specifier) => `
import * as tidegate from "${specifier}";
import { runInPage } from "./in-page.mjs";
import program from "./program.mjs";
runInPage(tidegate, program);
`;

const WAYS = {
  "plain page": {
    files: {
      "index.html": page(
        `<script type="importmap">{ "imports": { "tidegate": "${ENTRY}" } }</script>`,
        '<script type="module" src="./main.mjs"></script>',
      ),
      "main.mjs": start("tidegate"),
    },
  },
  "strict policy": {
    files: { "index.html": page('<script type="module" src="./main.mjs"></script>'), "main.mjs": start(ENTRY) },
    headers: (origins) => ({
      "content-security-policy": `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src ${origins}`,
    }),
  },
  "policy without WebAssembly": {
    files: { "index.html": page('<script type="module" src="./main.mjs"></script>'), "main.mjs": start(ENTRY) },
    headers: () => ({ "content-security-policy": "script-src 'self'" }),
  },
  "module worker": {
    files: {
      "index.html": page('<script type="module" src="./main.mjs"></script>'),
      "main.mjs": `
import { inputOfPage } from "./in-page.mjs";
const worker = new Worker("./worker.mjs", { type: "module" });
worker.postMessage(inputOfPage());
`,
      "worker.mjs": `
import * as tidegate from "${ENTRY}";
import { runInPage } from "./in-page.mjs";
import program from "./program.mjs";
onmessage = ({ data }) => runInPage(tidegate, program, data);
`,
    },
  },
};

async function runIn(context, browser, way, programName, trusting) {
  const { files, headers } = WAYS[way];
  const programs = { "in-page.mjs": program("in-page.mjs"), "program.mjs": program(programName) };
  const folder = await context.folder({ ...files, ...programs });
  const origins = `${context.input.baseURL} ${context.reportOrigin}`;
  return context.inPage(browser, `${await context.serve(folder, headers?.(origins))}/index.html`, trusting);
}

/** The error is one that a page's author understands, and the provider has heard nothing. */
async function isClearlyRefused({ code, billed, message }, { input, simulator }) {
  if (code !== "core-crashed" || billed !== "no") throw new Error(`the error is ${code}, billed ${billed}`);
  if (!message.includes("wasm-unsafe-eval")) throw new Error(`the error names no remedy: ${message}`);
  if ((await simulator.chargesOf(input.apiKey)).length > 0) throw new Error("it was charged");
}

const rowsOf = ([browser, fetch]) => {
  const row = (way, programName, check) => ({
    name: `${browser}, ${way}`,
    group: "Pages",
    run: (context) => runIn(context, browser, way, programName),
    check,
  });
  return [
    row("plain page", "generate.mjs"),
    row("strict policy", "generate.mjs"),
    row("policy without WebAssembly", "forbidden.mjs", isClearlyRefused),
    row("module worker", "generate.mjs"),
    hostileRow(browser, "Pages", (context, name) => runIn(context, browser, "plain page", name), fetch),
    fetchFailuresRow(browser, "Pages", (context, name) => runIn(context, browser, "plain page", name), {
      runTrusting: (context, name) => runIn(context, browser, "plain page", name, true),
    }),
  ];
};

export const rows = [
  ["Chromium", FETCH_OF_BROWSERS],
  ["Firefox", FETCH_OF_BROWSERS],
  ["WebKitGTK", { ...FETCH_OF_BROWSERS, missesLastChunk: false }],
].flatMap(rowsOf);
