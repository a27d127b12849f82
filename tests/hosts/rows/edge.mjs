// Vercel's edge runtime: bundled as its build does, where the `.wasm?module` import becomes a module that the platform has compiled.
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { program, versionOf } from "../harness.mjs";
import { FETCH_OF_RUNTIMES, hostileRow } from "./hostile.mjs";

const HANDLER = `
import * as tidegate from "tidegate";
import program from "./program.mjs";

addEventListener("fetch", (event) => {
  const answer = event.request
    .json()
    .then((input) => program(tidegate, input))
    .then((result) => ({ result }), (error) => ({ failure: String(error?.stack ?? error) }));
  event.respondWith(answer.then((outcome) => Response.json(outcome)));
});
`;

/** Names the modules of `.wasm?module` imports as globals, and keeps their files. */
const wasmModules = (files) => ({
  name: "wasm-modules",
  setup(build) {
    build.onResolve({ filter: /\.wasm\?module$/ }, ({ path, resolveDir }) => ({
      path: resolve(resolveDir, path.replace(/\?module$/, "")),
      namespace: "wasm-module",
    }));
    build.onLoad({ filter: /./, namespace: "wasm-module" }, ({ path }) => {
      const name = `wasm_${files.push(path)}`;
      return { contents: `export default ${name};` };
    });
  },
});

async function runIn(context, programName) {
  const { build } = await import("esbuild");
  const { EdgeVM } = await import("@edge-runtime/vm");
  const folder = await context.folder({ "handler.mjs": HANDLER, "program.mjs": program(programName) });
  const files = [];
  const { outputFiles } = await build({
    entryPoints: [join(folder, "handler.mjs")],
    absWorkingDir: folder,
    bundle: true,
    write: false,
    format: "iife",
    conditions: ["edge-light"],
    plugins: [wasmModules(files)],
  });
  if (files.length !== 1) throw new Error(`${files.length} wasm modules were imported, not one`);
  const module = await WebAssembly.compile(await readFile(files[0]));
  const runtime = new EdgeVM({
    // As there: what is not compiled when it is deployed never is.
    codeGeneration: { strings: false, wasm: false },
    extend: (scope) => Object.assign(scope, { wasm_1: module }),
    initialCode: outputFiles[0].text,
  });
  const response = await runtime.dispatchFetch("http://edge.test/", {
    method: "POST",
    body: JSON.stringify(context.input),
  });
  const { result, failure } = await response.json();
  if (failure) throw new Error(failure);
  return { version: await versionOf(join(dirname(import.meta.dirname)), "@edge-runtime/vm"), ...result };
}

export const rows = [
  { name: "Vercel's edge VM, bundled", group: "Workers", run: (context) => runIn(context, "generate.mjs") },
  hostileRow("Vercel's edge VM", "Workers", runIn, FETCH_OF_RUNTIMES),
];
