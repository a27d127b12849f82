// What is measured, the same in every host. `load` gives the package or its parts, by an import of the host's own.

const REQUEST = { model: "gpt-image-1", prompt: "a lighthouse at dusk" };
const ANSWER = JSON.stringify({ data: [{ b64_json: "iVBORw0KGgo=" }] });

function createClient(tidegate, fetch) {
  const providers = tidegate.openai({ apiKey: "none", baseURL: "https://provider.test/v1" });
  return tidegate.createClient({ providers, fetch, dangerouslyAllowBrowser: true });
}

/** From before the import to the first request that the network would see, ms. */
export async function firstRequest(load) {
  const started = performance.now();
  const tidegate = await load();
  return new Promise((resolve, reject) => {
    const fetch = () => {
      resolve(performance.now() - started);
      return new Promise(() => {});
    };
    createClient(tidegate, fetch).generate(REQUEST).catch(reject);
  });
}

/** The steps within it, each for the first time, ms. */
export async function steps(load) {
  const { text, decode, instantiate } = await load();
  const times = [performance.now()];
  const after = (value) => {
    times.push(performance.now());
    return value;
  };
  const bytes = after(decode(text));
  const module = after(new WebAssembly.Module(bytes));
  after(instantiate(module));
  return { decode: times[1] - times[0], compile: times[2] - times[1], instantiate: times[3] - times[2] };
}

/** So many instances, kept by whoever keeps the list. */
export function instances({ instantiate }, module, count) {
  return Array.from({ length: count }, () => instantiate(module));
}

/** So many clients, each of which has made one image and has nothing to do. */
export async function idleClients(tidegate, count) {
  const fetch = async () => new Response(ANSWER, { headers: { "content-type": "application/json" } });
  const clients = Array.from({ length: count }, () => createClient(tidegate, fetch));
  await Promise.all(clients.map((client) => client.generate(REQUEST)));
  return clients;
}

/** Runs `make` and gives the linear memory of each instance that came of it, bytes. */
export async function linearMemory(make) {
  const { Instance } = WebAssembly;
  const memories = [];
  WebAssembly.Instance = class extends Instance {
    constructor(...given) {
      super(...given);
      memories.push(Object.values(this.exports).find((value) => value instanceof WebAssembly.Memory));
    }
  };
  try {
    const kept = await make();
    const bytes = memories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0) / memories.length;
    return { bytes, kept };
  } finally {
    WebAssembly.Instance = Instance;
  }
}
