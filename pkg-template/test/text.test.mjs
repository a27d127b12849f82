import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { dist, load } from "./fake-core.mjs";

const { decode } = await load("text.js");

for (const name of ["core", "simulator-world"]) {
  test(`the text of ${name} is its module, in characters that no bundler escapes`, async () => {
    const { default: text } = await load(`${name}.text.js`);
    assert.deepEqual(Buffer.from(decode(text)), await readFile(new URL(`${name}.wasm`, dist)));
    assert.match(text, /^[ !#-[\]-~]+$/);
  });
}
