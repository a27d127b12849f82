// Browsers without a bundler: a plain page, a page under a strict policy, and a module worker. The page's origin is never the simulator's.
import { program } from "../harness.mjs";

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

async function runIn(context, browser, way, programName) {
  const { files, headers } = WAYS[way];
  const programs = { "in-page.mjs": program("in-page.mjs"), "program.mjs": program(programName) };
  const folder = await context.folder({ ...files, ...programs });
  const origins = `${context.input.baseURL} ${context.reportOrigin}`;
  return context.inPage(browser, `${await context.serve(folder, headers?.(origins))}/index.html`);
}

export const rows = ["Chromium", "Firefox", "WebKitGTK"].flatMap((browser) =>
  Object.keys(WAYS).map((way) => ({
    name: `${browser}, ${way}`,
    group: "Pages",
    run: (context) => runIn(context, browser, way, "generate.mjs"),
  })),
);
