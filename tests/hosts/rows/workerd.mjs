// Workers' runtime by miniflare: the modules of the tarball as they are, no bundler, the wasm by a static import.
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { program } from "../harness.mjs";
import { fetchFailuresRow } from "./fetch-failures.mjs";
import { FETCH_OF_WORKERS, hostileRow } from "./hostile.mjs";

const require = createRequire(import.meta.url);

/** The entry that Wrangler would choose, from the installed package's own manifest. */
async function entryOf(folder) {
  const manifest = JSON.parse(await readFile(join(folder, "node_modules/tidegate/package.json"), "utf8"));
  return `./node_modules/tidegate/${manifest.exports["."].workerd.slice("./".length)}`;
}

const worker = (entry) => `
import * as tidegate from "${entry}";
import program from "./program.mjs";

export default {
  async fetch(request) {
    try {
      return Response.json({ result: await program(tidegate, await request.json()) });
    } catch (error) {
      return Response.json({ failure: String(error?.stack ?? error) });
    }
  },
};
`;

/** Miniflare's list of modules: the worker first, then the program and all of the package. */
export async function modulesOf(folder, source, programName) {
  const dist = join(folder, "node_modules/tidegate/dist");
  const names = (await readdir(dist)).filter((name) => /\.(js|wasm)$/.test(name));
  const module = async (path) => ({
    type: path.endsWith(".wasm") ? "CompiledWasm" : "ESModule",
    path,
    contents: await readFile(path),
  });
  return [
    { type: "ESModule", path: join(folder, "worker.mjs"), contents: source },
    { type: "ESModule", path: join(folder, "program.mjs"), contents: await readFile(program(programName)) },
    ...(await Promise.all(names.map((name) => module(join(dist, name))))),
  ];
}

async function runIn(context, compatibilityDate, programName) {
  const { Miniflare, supportedCompatibilityDate } = await import("miniflare");
  const date = compatibilityDate ?? supportedCompatibilityDate;
  const folder = await context.folder({});
  const source = worker(await entryOf(folder));
  let complaints = "";
  const miniflare = new Miniflare({
    modulesRoot: folder,
    modules: await modulesOf(folder, source, programName),
    compatibilityDate: date,
    host: "127.0.0.1",
    // What it says of every failed fetch is of use only when the row fails.
    handleRuntimeStdio: (stdout, stderr) => {
      stdout.resume();
      stderr.on("data", (text) => (complaints = (complaints + text).slice(-4000)));
    },
  });
  context.atEnd(() => miniflare.dispose());
  const response = await miniflare.dispatchFetch("http://worker.test/", {
    method: "POST",
    body: JSON.stringify(context.input),
  });
  const { result, failure } = await response.json();
  if (failure) throw new Error(`${failure}\n${complaints}`);
  return { version: require("workerd/package.json").version, ...result };
}

export const rows = [
  ...[
    ["2024-01-01", "2024-01-01"],
    ["current", undefined],
  ].map(([name, date]) => ({
    name: `workerd, compatibility date ${name}`,
    group: "Workers",
    run: (context) => runIn(context, date, "generate.mjs"),
  })),
  hostileRow("workerd", "Workers", (context, name) => runIn(context, undefined, name), FETCH_OF_WORKERS),
  fetchFailuresRow("workerd", "Workers", (context, name) => runIn(context, undefined, name)),
];
