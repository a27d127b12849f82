// node run.mjs --tarball FILE --simulator PROGRAM [--only WORDS]
import { parseArgs } from "node:util";
import { runRows } from "./harness.mjs";
import { rows as edge } from "./rows/edge.mjs";
import { rows as pages } from "./rows/pages.mjs";
import { rows as runtimes } from "./rows/runtimes.mjs";
import { rows as workerd } from "./rows/workerd.mjs";

const { values } = parseArgs({
  options: {
    tarball: { type: "string" },
    simulator: { type: "string" },
    only: { type: "string" },
  },
});
const { tarball, simulator, only } = values;
if (!tarball || !simulator) throw new Error("usage: node run.mjs --tarball FILE --simulator PROGRAM [--only WORDS]");

const all = [...runtimes, ...workerd, ...edge, ...pages];
const rows = all.filter(({ name }) => !only || name.toLowerCase().includes(only.toLowerCase()));
const results = await runRows(rows, { tarball, simulatorProgram: simulator });
const failed = results.filter(({ failure }) => failure).length;
// In the words of Node's own test runner, which xtask counts by.
console.log(`\n# pass ${results.length - failed}\n# fail ${failed}`);
process.exitCode = failed || rows.length === 0 ? 1 : 0;
