// What each build of the package weighs beside its peers, all of them bundled and minified by esbuild. One row a line on stdout, its columns by tabs:
// name, raw, gzip, brotli (bytes). Run by `cargo xtask size`, which reads it.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import zlib from "node:zlib";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));

/** Everything that the package exports, for each host: the condition that its bundlers set, and whether core.wasm is a file of its own. */
const HOSTS = {
  browser: { platform: "browser" },
  node: { platform: "node" },
  workerd: { platform: "browser", conditions: ["workerd"], separate: true },
  "edge-light": { platform: "browser", conditions: ["edge-light"], separate: true },
  slim: { platform: "browser", from: "tidegate/slim", separate: true },
};

/** The import that each peer's own README begins with; esbuild leaves out whatever it can prove to be unused. */
const PEERS = {
  openai: 'export { default } from "openai"',
  "@fal-ai/client": 'export { fal, createFalClient } from "@fal-ai/client"',
  replicate: 'export { default } from "replicate"',
  "p-queue + p-retry": 'export { default as PQueue } from "p-queue"; export { default as pRetry } from "p-retry"',
};

/** The module stays outside of the JavaScript, as wrangler and Vercel keep it. */
const separateWasm = {
  name: "separate-wasm",
  setup: ({ onResolve }) => onResolve({ filter: /\.wasm(\?module)?$/ }, ({ path }) => ({ path, external: true })),
};

async function bundle(contents, options) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: here },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    write: false,
    logLevel: "warning",
    plugins: [separateWasm],
    ...options,
  });
  return outputFiles[0].contents;
}

function weigh(bytes) {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT, BROTLI_MAX_QUALITY } = zlib.constants;
  const params = { [BROTLI_PARAM_QUALITY]: BROTLI_MAX_QUALITY, [BROTLI_PARAM_SIZE_HINT]: bytes.length };
  return [bytes.length, zlib.gzipSync(bytes, { level: 9 }).length, zlib.brotliCompressSync(bytes, { params }).length];
}

/** A page fetches each file compressed by itself, so weights of files are summed. */
function print(name, files) {
  const columns = files.map(weigh).reduce((sum, weights) => sum.map((bytes, column) => bytes + weights[column]));
  console.log([name, ...columns].join("\t"));
}

const core = await readFile(`${here}node_modules/tidegate/dist/core.wasm`);
for (const [name, { from = "tidegate", separate = false, ...options }] of Object.entries(HOSTS)) {
  const script = await bundle(`export * from "${from}"`, options);
  print(name, separate ? [script, core] : [script]);
}
print("core.wasm", [core]);
for (const [name, source] of Object.entries(PEERS)) {
  print(name, [await bundle(source, { platform: "browser" })]);
}
