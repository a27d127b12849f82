// A scripted stand-in for the wasm core: enough of an engine to drive the facade, and a record of what it was told.
import { fileURLToPath, pathToFileURL } from "node:url";

const folder = process.env.TIDEGATE_PACKAGE ?? fileURLToPath(new URL("../../pkg", import.meta.url));
/** Where the built package is. */
export const dist = new URL("dist/", pathToFileURL(`${folder}/`));
export const load = (file) => import(new URL(file, dist).href);

export const { provide } = await load("start.js");
export const tidegate = await load("index.js");

/** Lets every promise that can go on do so. */
export const settle = async (turns = 40) => {
  for (let turn = 0; turn < turns; turn++) await undefined;
  await new Promise((resolve) => setImmediate(resolve));
};

export const json = (value, init) => new Response(JSON.stringify(value), init);
export const plainResult = (fields) => ({
  images: [{ mediaType: "image/png", url: "https://images.test/1.png" }],
  provider: "hiapi",
  model: "m",
  requestedModel: "m",
  taskId: "t1",
  attempts: [],
  warnings: [],
  failures: [],
  timing: { waitedMs: 0, queuedMs: 0, ranMs: 0, polls: 0 },
  ...fields,
});

/** The host as the tests speak to it: data as values, of which the facade gets the text. */
const speaking = (host) => ({
  ...host,
  update: (task, update) => host.update(task, "ref" in update, JSON.stringify(update)),
  settle: (task, kind, value) => host.settle(task, kind, JSON.stringify(value)),
  event: (name, value) => host.event(name, JSON.stringify(value)),
});
const readText = (text) => (text === "" ? undefined : JSON.parse(text));
const readLines = (lines) => (lines === "" ? undefined : lines.split("\n").map((line) => JSON.parse(line)));
const HEADERS = ["retry-after", "x-id"];

/** The world of one test: its cores in the order in which they came, and what it scripts. */
export const createWorld = () => {
  const world = {
    cores: [],
    told: [],
    /** (method, core, ...args) before each method; throw to trap. */
    trap: () => {},
    /** What an answer to a submit makes of its task. */
    onAnswer: (core, call, status, headers, kind, value) => core.host.settle(call.task, "succeeded", plainResult()),
    /** Whether tasks are sent at the next wake. */
    sends: true,
  };
  const tell = (core, method, args) => {
    world.told.push([method, ...args]);
    world.trap(method, core, ...args);
  };
  class Core {
    constructor(host, config) {
      this.host = speaking(host);
      this.config = config = JSON.parse(config);
      this.tasks = new Map();
      this.calls = new Map();
      this.next = config.firstCall;
      this.seq = 0;
      this.waits = new Map();
      world.cores.push(this);
      tell(this, "constructor", [config]);
    }
    submit(task, owner, ...texts) {
      const [request, options] = texts.slice(0, 2).map(readText);
      const records = readLines(texts[2]);
      tell(this, "submit", [task, owner, request, options, records]);
      const key = options.idempotencyKey ?? `made-${task}`;
      // What was adopted before it was registered is on the wire already.
      const adopted = [...this.calls.values()].some((call) => call.task === task);
      this.tasks.set(task, { task, owner, request, options, key, fresh: !adopted });
      return key;
    }
    resume(task, owner, ...texts) {
      const [ref, options] = texts.slice(0, 2).map(readText);
      const records = readLines(texts[2]);
      tell(this, "resume", [task, owner, ref, options, records]);
      const key = typeof ref === "string" ? ref : (ref.idempotencyKey ?? "");
      this.tasks.set(task, { task, owner, key, ref });
      return key;
    }
    find(text) {
      const ref = readText(text);
      tell(this, "find", [ref]);
      for (const { task, key, ended } of this.tasks.values())
        if (!ended && key === (ref?.idempotencyKey ?? ref)) return task;
      return -1;
    }
    enter() {}
    join(task, owner) {
      tell(this, "join", [task, owner]);
    }
    adopt(call, task, part) {
      tell(this, "adopt", [call, task, part]);
      this.calls.set(call, { task, purpose: 0 });
    }
    download(task, owner, url) {
      tell(this, "download", [task, owner, url]);
      this.tasks.set(task, { task, owner, url, fresh: true });
    }
    wake(owner) {
      tell(this, "wake", [owner]);
      for (const task of this.tasks.values()) {
        if (!world.sends || !task.fresh || task.owner !== owner || task.paused) continue;
        task.fresh = false;
        if (task.url) this.send(task, 2);
        else {
          this.waits.set(++this.seq, task);
          const record = JSON.stringify({ key: task.key, index: 0, state: "planned" });
          if (this.host.put(this.seq, task.key, record)) this.send(task, 0);
        }
      }
    }
    stored(seq, ok) {
      tell(this, "stored", [seq, ok]);
      const task = this.waits.get(seq);
      if (task && !task.ended) this.send(task, 0);
    }
    loaded(seq, record) {
      tell(this, "loaded", [seq, readText(record)]);
    }
    send(task, purpose) {
      const call = this.next++;
      this.calls.set(call, { task: task.task, purpose });
      const [url, provider] = purpose === 2 ? [task.url, -1] : ["https://api.test/v1/tasks", 0];
      const kind = 2 + (world.refresh ? 1 : 0);
      this.host.send(call, task.task, 0, purpose, provider, kind, world.limit ?? 1e6, url, undefined);
    }
    begin(number) {
      tell(this, "begin", [number]);
    }
    headers() {
      return HEADERS.join(" ");
    }
    answer(number, status, lines, kind, body, handle) {
      const headers = Object.fromEntries(
        lines
          .split("\n")
          .filter(Boolean)
          .map((line) => [HEADERS[parseInt(line)], line.slice(line.indexOf(" ") + 1)]),
      );
      const value = kind === 0 ? readText(new TextDecoder().decode(body)) : { handle, head: body };
      tell(this, "answer", [number, status, headers, kind, value]);
      const call = this.calls.get(number);
      if (!call) return;
      this.calls.delete(number);
      if (call.purpose === 2)
        return this.host.settle(call.task, "succeeded", {
          images: [{ handle: value.handle, mediaType: "image/webp", width: 2, height: 3 }],
        });
      world.onAnswer(this, call, status, headers, kind, value);
    }
    failed(number, fault, message) {
      tell(this, "failed", [number, fault, message]);
      const call = this.calls.get(number);
      if (!call) return;
      this.calls.delete(number);
      const code = fault === 2 ? "authentication" : "network";
      this.host.settle(call.task, "failed", { code, message, retryable: true, billed: "no", attempts: [] });
    }
    cancel(number) {
      tell(this, "cancel", [number]);
      const task = this.tasks.get(number);
      if (world.tooLate) return "too-late";
      task.ended = true;
      task.fresh = false;
      for (const [id, call] of this.calls) if (call.task === number) this.host.abort(id);
      this.host.settle(number, "cancelled", {
        code: "cancelled",
        message: "cancelled",
        billed: "no",
        retryable: false,
        attempts: [],
      });
      return "before-submit";
    }
    leave(number) {
      tell(this, "leave", [number]);
      if (world.goesOn?.(number)) return true;
      this.cancel(number);
      return false;
    }
    mismatch(task, request) {
      tell(this, "mismatch", [task, readText(request)]);
      return world.mismatch ? JSON.stringify(world.mismatch) : "";
    }
    taken(task) {
      tell(this, "taken", [task]);
      const key = this.tasks.get(task)?.key;
      if (key) this.host.remove(key);
      return key !== undefined;
    }
    pause(batch, paused) {
      tell(this, "pause", [batch, paused]);
      for (const task of this.tasks.values()) if (task.options?.batch === batch) task.paused = paused;
    }
    refs(records) {
      const list = readLines(records) ?? [];
      tell(this, "refs", [list]);
      return JSON.stringify(list.map(({ key }) => ({ v: 1, idempotencyKey: key, parts: [] })));
    }
    eta(batch, more) {
      tell(this, "eta", [batch, more]);
      return world.eta ?? -1;
    }
    status() {
      tell(this, "status", []);
      return JSON.stringify({ lanes: [], waiting: this.tasks.size, running: 0 });
    }
    close() {
      tell(this, "close", []);
      for (const { task, ended } of this.tasks.values()) if (!ended) this.host.settle(task, "cancelled", {});
    }
  }
  world.instantiate = () => ({ Core });
  world.named = (method) => world.told.filter(([name]) => name === method).map(([, ...args]) => args);
  world.use = (perCall) => provide(world.instantiate, () => ({ module: true }), perCall);
  world.use();
  return world;
};

/** A client over a fake core, with a provider at api.test and a fetch that the test scripts. */
export const createTestClient = (fetch, options = {}) => {
  const world = createWorld();
  const { providers = tidegate.hiapi({ apiKey: "sk-secret", baseURL: "https://api.test" }), ...rest } = options;
  const client = tidegate.createClient({ providers, fetch, logLevel: "off", ...rest });
  return { world, client };
};
