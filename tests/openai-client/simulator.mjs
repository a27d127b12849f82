// The provider: one server process for all tests, its settings and its books.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Tasks of a moment, in real time. */
const SETTINGS = ["--duration", "uniform:50,150"];
const CARGO = ["run", "--quiet", "--release", "--package", "tidegate-simulator", "--bin", "simulator", "--"];

/**
 * Starts the server that TIDEGATE_SIMULATOR_PROGRAM names, else cargo's own build of it. It stops with this process,
 * since its stdin closes then.
 */
export async function startSimulator() {
  const program = process.env.TIDEGATE_SIMULATOR_PROGRAM;
  const options = ["--port", "0", "--stop-with-stdin", ...SETTINGS];
  const [command, words] = program ? [program, options] : ["cargo", [...CARGO, ...options]];
  const child = spawn(command, words, { cwd: ROOT, stdio: ["pipe", "pipe", "inherit"] });
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), "line"),
    once(child, "exit").then(([code]) => {
      throw new Error(`the simulator ended before it listened (exit code ${code})`);
    }),
  ]);
  const url = /http:\/\/\S+/.exec(line)[0];
  const defaults = await (await fetch(`${url}/admin/config`)).json();
  const read = async (what) => (await fetch(`${url}/admin/${what}`)).json();
  return {
    url,
    /** A new world with these settings. */
    async reset(settings = {}) {
      const body = JSON.stringify({ ...defaults, ...settings });
      const response = await fetch(`${url}/admin/reset`, { method: "POST", body });
      if (!response.ok) throw new Error(await response.text());
    },
    ledger: () => read("ledger"),
    stats: () => read("stats"),
    stop: () => child.stdin.end(),
  };
}
