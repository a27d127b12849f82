// workerd, by Miniflare: a process per sample. Start-up is told as the difference to a Worker that does nothing.
import { readFile, readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Miniflare } from "miniflare";
import { bundle } from "./bundle.mjs";

const COUNT = 20;
const WASM = fileURLToPath(new URL("../node_modules/tidegate/dist/core.wasm", import.meta.url));
const EMPTY = "export default { fetch: () => Response.json(null) };";

export const name = "workerd";

/** The process that this one has started and that is called workerd, and what of it is in memory, bytes. */
async function residentMemory() {
  for (const id of await readdir("/proc")) {
    const status = /^\d+$/.test(id) ? await readFile(`/proc/${id}/status`, "utf8").catch(() => "") : "";
    const field = (name) => new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(status)?.[1];
    if (field("Name") === "workerd" && Number(field("PPid")) === process.pid) return Number(field("VmRSS")) * 1024;
  }
  throw new Error("there is no process of workerd, or no /proc on this system");
}

export async function open() {
  const source = await bundle('export { default } from "./worker.mjs"', ["workerd"]);
  const wasm = { type: "CompiledWasm", path: "core.wasm", contents: await readFile(WASM) };

  async function run(contents, use) {
    const started = performance.now();
    const modules = [{ type: "ESModule", path: "worker.mjs", contents }, wasm];
    const miniflare = new Miniflare({ modules, modulesRoot: ".", compatibilityDate: "2026-04-01" });
    try {
      await miniflare.ready;
      return await use(async (path) => (await miniflare.dispatchFetch(`http://worker.test${path}`)).json(), started);
    } finally {
      await miniflare.dispose();
    }
  }
  const startUp = (contents) =>
    run(contents, async (ask, started) => {
      await ask("/firstRequest");
      return performance.now() - started;
    });
  const memory = (what) =>
    run(source, async (ask) => {
      await ask(`/${what}?count=1`);
      const before = await residentMemory();
      const linear = await ask(`/${what}?count=${COUNT}`);
      return { linear, resident: ((await residentMemory()) - before) / COUNT };
    });
  const samples = {
    firstRequest: async () => (await startUp(source)) - (await startUp(EMPTY)),
    instance: () => memory("instance"),
    client: () => memory("client"),
  };
  return { sample: (what) => samples[what]?.(), close: async () => {} };
}
