// The tarball's entries, by those who know how packages go wrong. TIDEGATE_TARBALL names the tarball.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const execute = promisify(execFile);
const tarball = process.env.TIDEGATE_TARBALL;
const command = (name) => fileURLToPath(new URL(`node_modules/.bin/${name}`, import.meta.url));

test("publint, strict, finds nothing", async () => {
  const { stdout } = await execute(command("publint"), ["run", tarball, "--strict"]);
  assert.match(stdout, /All good!/);
});

test("attw finds nothing at any entry, for any way of resolving", async () => {
  const words = [tarball, "--format", "json", "--no-definitely-typed"];
  const { stdout } = await execute(command("attw"), words, { maxBuffer: 1 << 26 }).catch((error) => error);
  const { analysis, problems } = JSON.parse(stdout);
  assert.deepEqual(problems ?? {}, {});
  const manifest = JSON.parse(await readFile(new URL("../../pkg-template/package.json", import.meta.url), "utf8"));
  assert.deepEqual(Object.keys(analysis.entrypoints), Object.keys(manifest.exports));
});
