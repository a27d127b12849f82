// The entry without the wasm, each time in a process of its own.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { dist } from "./fake-core.mjs";

/** What a program prints after `before` and the entry. */
const print = (before, program) => {
  const source = `${before};
    const slim = await import(${JSON.stringify(new URL("slim.js", dist).href)});
    const { separate } = await import(${JSON.stringify(new URL("start.js", dist).href)});
    ${program}`;
  return execFileSync(process.execPath, ["--input-type=module", "--eval", source], { encoding: "utf8" }).trim();
};

test("each call does its own I/O on Workers and Vercel Edge, and there alone", () => {
  assert.equal(print("", "console.log(separate)"), "false");
  for (const mark of ["WebSocketPair", "EdgeRuntime"]) {
    assert.equal(print(`globalThis.${mark} = "edge"`, "console.log(separate)"), "true");
  }
});

test("what is no module is refused where it is given, and does not stand in the way of one", () => {
  const program = `
    for (const wrong of [undefined, "./core.wasm", {}, { default: {} }, async () => {}]) {
      try {
        slim.start(wrong);
      } catch (error) {
        console.log(error.name, error.param);
      }
    }
    slim.start(new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])));`;
  assert.deepEqual(print("", program).split("\n"), Array(5).fill("InvalidRequestError module"));
});
