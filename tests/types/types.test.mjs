// The tarball's types, by every compiler that is promised. TIDEGATE_TARBALL names the tarball.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { complaints, userFolder } from "./compile.mjs";

const FILES = ["contract.ts", "exact.ts", "hosts.ts", "usage.ts", "required.cts"];
const folder = await userFolder(process.env.TIDEGATE_TARBALL, "types", FILES);

/** 5.2 is the oldest that is promised; 7.0 is the checkout's own. */
const VERSIONS = ["5.2", "5.9", "6.0", "7.0"];

const filesOf = ({ library, exact }) => [
  "contract.ts",
  ...(exact ? ["exact.ts"] : []),
  ...(library === "no library" ? [] : ["hosts.ts"]),
  ...(library === "DOM" && exact ? ["usage.ts"] : []),
];

for (const version of VERSIONS) {
  const check = (resolution, library, files) =>
    test(`TypeScript ${version}, ${resolution}, ${library}`, async () => {
      // What exactOptionalPropertyTypes changes, it changes under every way of resolving.
      for (const exact of resolution === "nodenext" ? [true, false] : [true]) {
        const cell = { version, resolution, library, exact };
        assert.equal(await complaints(folder, files?.(cell) ?? filesOf(cell), cell), "", `exact: ${exact}`);
      }
    });
  for (const resolution of ["bundler", "node16", "nodenext"]) {
    for (const library of ["no library", "DOM"]) check(resolution, library);
  }
  check("node16", "Node's types");
  check("bundler", "Workers' types");

  const required = () => ["required.cts"];
  for (const resolution of ["node16", "nodenext", ...(version === "7.0" ? [] : ["node10"])]) {
    test(`TypeScript ${version}, ${resolution}, by require`, async () => {
      const cell = { version, resolution, library: "no library", exact: true };
      assert.equal(await complaints(folder, required(), cell), "");
    });
  }

  test(`TypeScript ${version} sees what is wrong`, async () => {
    await writeFile(join(folder, "wrong.ts"), 'import { hiapi } from "tidegate";\nhiapi({ apiKey: 1 });\n');
    const cell = { version, resolution: "bundler", library: "no library", exact: true };
    assert.match(await complaints(folder, ["wrong.ts"], cell), /^wrong\.ts\(2,9\): error TS2322: .*\n[^]*$/);
  });
}
