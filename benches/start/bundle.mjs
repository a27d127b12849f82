// esbuild, as a page's or a Worker's author runs it.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** One minified module with these exports; core.wasm stays a file beside it. */
export async function bundle(contents, conditions = []) {
  const separateWasm = {
    name: "separate-wasm",
    setup: ({ onResolve }) => onResolve({ filter: /\.wasm$/ }, () => ({ path: "./core.wasm", external: true })),
  };
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: fileURLToPath(new URL(".", import.meta.url)) },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    platform: "browser",
    conditions,
    plugins: [separateWasm],
    write: false,
  });
  return outputFiles[0].text;
}
