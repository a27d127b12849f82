// node run.mjs --tarball FILE --simulator PROGRAM [--only WORDS] [--table FILE]
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { runRows } from "./harness.mjs";
import { rows as bundlers } from "../bundlers/rows.mjs";
import { rows as edge } from "./rows/edge.mjs";
import { rows as pages } from "./rows/pages.mjs";
import { rows as runtimes } from "./rows/runtimes.mjs";
import { rows as workerd } from "./rows/workerd.mjs";
import { tableOf } from "./table.mjs";

const { values } = parseArgs({
  options: {
    tarball: { type: "string" },
    simulator: { type: "string" },
    only: { type: "string" },
    table: { type: "string" },
  },
});
const { tarball, simulator, only, table } = values;
if (!tarball || !simulator)
  throw new Error("usage: node run.mjs --tarball FILE --simulator PROGRAM [--only WORDS] [--table FILE]");

const all = [...runtimes, ...workerd, ...edge, ...pages, ...bundlers];
const rows = all.filter(({ name }) => !only || name.toLowerCase().includes(only.toLowerCase()));
const results = await runRows(rows, { tarball: resolve(tarball), simulatorProgram: simulator });
if (table) await writeFile(table, tableOf(results));
const failed = results.filter(({ failure }) => failure).length;
// In the words of Node's own test runner, which xtask counts by.
console.log(`\n# pass ${results.length - failed}\n# fail ${failed}`);
process.exitCode = failed || rows.length === 0 ? 1 : 0;
