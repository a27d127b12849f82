// The worker under test: one client at module scope, and a few ways to use it.
import { begin, current, report, stillIn } from "./instrument.mjs";
import { createClient, hiapi } from "tidegate";

const model = "gpt-image-2";
const memory = new Map();

/** A store whose every operation is I/O of the request that asks. */
const slowStore = {
  async get(key) {
    await pause(2);
    return memory.get(key);
  },
  async put(key, record) {
    await pause(2);
    memory.set(key, record);
  },
  async delete(key) {
    await pause(2);
    memory.delete(key);
  },
  async *all() {
    await pause(2);
    yield* [...memory];
  },
};

const kvStore = (kv) => ({
  get: async (key) => (await kv.get(key)) ?? undefined,
  put: (key, record) => kv.put(key, record),
  delete: (key) => kv.delete(key),
  async *all() {
    const { keys } = await kv.list();
    for (const { name } of keys) yield [name, await kv.get(name)];
  },
});

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const create = (env) =>
  createClient({
    providers: hiapi({
      // A secret that has to be waited for, as those of a secrets store.
      apiKey: async () => {
        await pause(5);
        return env.KEY;
      },
      baseURL: env.SIMULATOR,
      limits: { concurrency: Number(env.CAP) },
    }),
    store: env.KV ? kvStore(env.KV) : slowStore,
  });

let client;
let queued = 0;

const describe = async (result) => {
  const bytes = await result.image.bytes();
  return {
    taskId: result.taskId,
    kind: new TextDecoder().decode(bytes.subarray(1, 4)),
    polls: result.timing.polls,
  };
};

const routes = {
  async generate({ name, prompt = name, options, cancelAfter }) {
    const controller = new AbortController();
    if (cancelAfter) setTimeout(() => controller.abort(new Error("enough")), cancelAfter);
    const task = client.generate({ model, prompt }, { ...options, ...(cancelAfter && { signal: controller.signal }) });
    return describe(await task);
  },
  /** Answers on acceptance, and leaves the rest to nobody. */
  async submit({ name, options }) {
    return client.submit({ model, prompt: name }, options);
  },
  /** The same, but the context lives on until the image is there. */
  async background({ name, options }, ctx) {
    const task = client.generate({ model, prompt: name }, options);
    ctx.waitUntil(task.then(() => report.fetches.push({ by: current(), method: "DONE", url: name })));
    return task.ref();
  },
  async resume({ ref, options }) {
    return describe(await client.resume(ref, options));
  },
  async batch({ name, count }) {
    const items = [];
    for await (const { ok } of client.batch(Array.from({ length: count }, () => ({ model, prompt: name })))) {
      stillIn(name, "an item of a batch");
      items.push(ok);
    }
    return items;
  },
  async watch({ name }) {
    const seen = [];
    for await (const { status } of client.generate({ model, prompt: name })) {
      stillIn(name, "an update");
      if (seen.at(-1) !== status) seen.push(status);
    }
    return seen;
  },
  /** Waits until the client holds nothing. Somebody has to come by for what the dead left behind to be seen to; a question that costs nothing will do. */
  async drained({ within }) {
    const end = Date.now() + within;
    const held = () => client.status().lanes.map((lane) => lane.held);
    while (held().some((count) => count > 0) && Date.now() < end) {
      await client.resume("no such task").catch(() => {});
      await pause(200);
    }
    return held();
  },
  status: () => client.status(),
  pending: () => client.pending(),
  report: () => ({ ...report, queued }),
  /** What a new isolate would have: another client over the same store. */
  anew: (_, __, env) => {
    client = create(env);
    return {};
  },
  async close() {
    await client.close();
    return {};
  },
};

export default {
  async fetch(request, env, ctx) {
    client ??= create(env);
    const { pathname } = new URL(request.url);
    const given = request.method === "POST" ? await request.json() : {};
    const name = given.name ?? `${pathname} ${Math.random()}`;
    begin(name);
    try {
      const value = await routes[pathname.slice(1)]({ ...given, name }, ctx, env);
      stillIn(name, "a handler");
      return Response.json(value);
    } catch (error) {
      stillIn(name, "a handler");
      return Response.json({ error: error.code ?? String(error.stack), message: error.message }, { status: 500 });
    }
  },
  async scheduled(controller, env) {
    client ??= create(env);
    begin("scheduled");
    await client.generate({ model, prompt: "scheduled" });
    stillIn("scheduled", "a handler");
  },
  async queue(batch, env) {
    client ??= create(env);
    begin("queue");
    for (const message of batch.messages) {
      await client.generate({ model, prompt: message.body });
      stillIn("queue", "a handler");
      message.ack();
      queued++;
    }
  },
};
