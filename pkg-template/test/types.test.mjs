import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { dist } from "./fake-core.mjs";

const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
const at = (file) => fileURLToPath(new URL(file, dist));

/** Compiles a user's file against the declarations of the built package, which are checked too. */
const compile = async (file, options) => {
  const folder = await mkdtemp(join(tmpdir(), "tidegate-types-"));
  try {
    const compilerOptions = {
      module: "NodeNext",
      target: "ES2022",
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      noEmit: true,
      types: [],
      paths: {
        tidegate: [at("index.d.ts")],
        "tidegate/slim": [at("slim.d.ts")],
        "tidegate/testing": [at("testing.d.ts")],
      },
      ...options,
    };
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: [file] }));
    return spawnSync(process.execPath, [compiler, "--project", folder], { encoding: "utf8" }).stdout;
  } finally {
    await rm(folder, { recursive: true });
  }
};

test("the API compiles as its users write it, and its traps do not", async () => {
  const file = fileURLToPath(new URL("types.ts", import.meta.url));
  assert.equal(await compile(file, { lib: ["ES2022", "ESNext.Disposable", "DOM", "DOM.AsyncIterable"] }), "");
});

test("the declarations need neither the DOM library nor a host's types", async () => {
  assert.equal(await compile(at("index.d.ts"), { lib: ["ES2022"] }), "");
  assert.equal(await compile(at("slim.d.ts"), { lib: ["ES2022"] }), "");
  assert.equal(await compile(at("testing.d.ts"), { lib: ["ES2022"] }), "");
});
