// The provider: one server process for all rows, and its ledger.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** Tasks of a moment, in real time: hosts have no clock of ours. */
const SETTINGS = ["--duration", "uniform:150,250", "--queued-ms", "30", "--archiving-ms", "30"];

/** Starts the simulator's server; it stops with this process, since its stdin closes then. */
export async function startSimulator(program) {
  const child = spawn(program, ["--port", "0", "--stop-with-stdin", ...SETTINGS], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), "line"),
    once(child, "exit").then(([code]) => {
      throw new Error(`the simulator ended before it listened (exit code ${code})`);
    }),
  ]);
  const url = /http:\/\/\S+/.exec(line)[0];
  const read = async (what) => (await fetch(`${url}/admin/${what}`)).json();
  return {
    url,
    /** What a key has been charged. The ledger shows keys of up to nine letters whole. */
    chargesOf: async (apiKey) => (await read("ledger")).filter(({ key }) => key === apiKey),
    stats: () => read("stats"),
    stop: () => child.stdin.end(),
  };
}
