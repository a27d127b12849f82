// Node: a process per sample.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const SCRIPT = fileURLToPath(new URL("in-node.mjs", import.meta.url));

export const name = `Node ${process.versions.node}`;

export async function open() {
  const sample = async (what) => {
    const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", SCRIPT, what]);
    return JSON.parse(stdout);
  };
  return { sample, close: async () => {} };
}
