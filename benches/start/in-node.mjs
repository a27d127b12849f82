// One sample in a process of its own: `node --expose-gc in-node.mjs WHAT` prints it as JSON.
import { firstRequest, idleClients, instances, linearMemory, steps } from "./measure.mjs";

const COUNT = 50;
const load = () => import("tidegate");
const loadParts = () => import("./parts.mjs");

/** Heap and resident memory that one of so many takes, bytes. */
async function each(make) {
  const used = () => {
    globalThis.gc();
    const { heapUsed, rss } = process.memoryUsage();
    return { heapUsed, rss };
  };
  // The first brings code and caches that all share.
  const first = await make(1);
  const before = used();
  const { bytes: linear, kept } = await linearMemory(() => make(COUNT));
  const after = used();
  const bytes = {
    linear,
    heap: (after.heapUsed - before.heapUsed) / COUNT,
    resident: (after.rss - before.rss) / COUNT,
  };
  return { bytes, kept: [first, kept] };
}

const samples = {
  firstRequest: () => firstRequest(load),
  steps: () => steps(loadParts),
  instance: async () => {
    const parts = await loadParts();
    const module = new WebAssembly.Module(parts.decode(parts.text));
    return (await each((count) => instances(parts, module, count))).bytes;
  },
  client: async () => {
    const tidegate = await load();
    return (await each((count) => idleClients(tidegate, count))).bytes;
  },
};

process.stdout.write(JSON.stringify(await samples[process.argv[2]]()), () => process.exit());
