// Runs what it is told to, one after the other, in a thread of its own.
import { parentPort } from "node:worker_threads";
import { run } from "./run.mjs";

parentPort.on("message", async ({ cell, visits, k, seed, name }) => {
  try {
    parentPort.postMessage({ result: await run(cell, visits, k, seed, name) });
  } catch (cause) {
    parentPort.postMessage({ problem: `${name} at ${JSON.stringify(cell.name)}, seed ${seed}: ${cause.stack}` });
  }
});
