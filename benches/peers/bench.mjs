// `node bench.mjs NATIVE [OPTIONS]`: the built package over the cells of the native bench, which must come to the same; and beside it what else a user
// would pick. NATIVE is what `tidegate-efficiency --subset --json` has written.
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { situations } from "./situations.mjs";
import { agreement, compact, detailed } from "./tables.mjs";

/** How far the makespan of a run in Node may be from the native one. */
const TOLERANCE = 0.005;
const USAGE = "node bench.mjs NATIVE [--only WORDS] [--package] [--json FILE] [--table FILE]";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    // The cells whose names hold these words.
    only: { type: "string", default: "" },
    // Nothing but the package.
    package: { type: "boolean", default: false },
    // Where to put every figure.
    json: { type: "string" },
    // Where to put the README's table.
    table: { type: "string" },
  },
});
if (positionals.length !== 1) throw new Error(USAGE);
const { seeds, cells } = JSON.parse(readFileSync(positionals[0], "utf8"));
const chosen = cells.filter(({ cell }) => cell.name.includes(values.only));
if (chosen.length === 0) throw new Error(`no cell is called ${JSON.stringify(values.only)}`);
const rows = situations.map(({ cell: name, ...situation }) => {
  const found = cells.find(({ cell }) => cell.name === name);
  if (!found) throw new Error(`the native bench has no cell ${JSON.stringify(name)}`);
  return { ...situation, ...found };
});
const beside = values.package ? [] : rows.filter(({ cell }) => cell.name.includes(values.only));

const jobs = [
  ...chosen.map((entry) => ({ ...entry, names: ["tidegate"] })),
  ...beside.map((entry) => ({
    ...entry,
    names: ["tidegate, told", "p-limit + p-retry", "p-queue + p-retry", "Bottleneck", "openai + p-limit"],
  })),
].flatMap(({ cell, runs, k, names }) =>
  names.flatMap((name) =>
    runs.map((native, index) => ({ cell, k, seed: seeds[index], name, visits: native.visits ?? [], native })),
  ),
);
// The long ones first, so that all processors end at about the same time.
const size = ({ cell: { tasks, clients, tenants } }) => (tenants ? 2_000 : tasks * clients);
jobs.sort((one, other) => size(other) - size(one));

const results = [];
const work = async () => {
  const worker = new Worker(new URL("./worker.mjs", import.meta.url));
  for (let job; (job = jobs.shift());) {
    const { native, ...asked } = job;
    worker.postMessage(asked);
    const [{ result, problem }] = await once(worker, "message");
    if (problem) throw new Error(problem);
    results.push({ ...asked, native, ...result, ratio: result.makespan / native.optimum });
  }
  await worker.terminate();
};
await Promise.all(Array.from({ length: availableParallelism() }, work));

const own = results.filter(({ name }) => name === "tidegate");
const off = ({ makespan, native }) => Math.abs(makespan / native.makespan - 1);
console.log(agreement(own, off, TOLERANCE));
if (beside.length > 0) console.log(`\n${detailed(beside, results)}`);
if (values.table) writeFileSync(values.table, compact(beside, results));
if (values.json) writeFileSync(values.json, `${JSON.stringify(results, undefined, 1)}\n`);
const far = own.filter((run) => !(off(run) <= TOLERANCE));
if (far.length > 0) throw new Error(`${far.length} of ${own.length} runs in Node are not what the native bench has`);
