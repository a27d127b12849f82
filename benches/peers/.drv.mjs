// What a task costs in CPU: the package beside p-queue and p-retry, over one stubbed fetch and one clock that waits for nothing. Both make the same three
// requests a task (a submit, a poll too early, a poll at the end) and hold 64 tasks at once. Pairs alternate in one process, so that what else the machine
// does meets both; the ratio is the median of theirs.
import PQueue from "p-queue";
import pRetry from "p-retry";
import { createClient, hiapi } from "/tmp/w/cpuprof/pkg_o3/dist/inline.js";
import { isTransient, result, submit } from "/tmp/w/cpu/benches/peers/provider.mjs";

const AT_ONCE = 64;
/** The package's CPU ÷ that of p-queue and p-retry. */
const MARK = 1;
const ROUNDS = [
  { tasks: 1_000, pairs: 9 },
  { tasks: 10_000, pairs: 5 },
];

/** Time that goes to the next timer as soon as the event loop has had a turn. */
class Clock {
  /** A heap: what is due first is at its root. */
  #timers = [];
  #now = 0;
  #order = 0;
  #running = false;

  now() {
    return this.#now;
  }

  setTimeout(run, ms) {
    const timer = { at: this.#now + Math.max(1, ms), order: ++this.#order, run };
    this.#push(timer);
    if (!this.#running) void this.#go();
    return () => (timer.run = undefined);
  }

  sleep = (ms) => new Promise((resolve) => this.setTimeout(resolve, ms));

  async #go() {
    this.#running = true;
    while (this.#timers.length > 0) {
      await new Promise((resolve) => setImmediate(resolve));
      this.#now = this.#timers[0].at;
      while (this.#timers[0]?.at === this.#now) this.#pop().run?.();
    }
    this.#running = false;
  }

  #push(timer) {
    const timers = this.#timers;
    let place = timers.length;
    for (let parent; place > 0 && isBefore(timer, timers[(parent = (place - 1) >> 1)]); place = parent)
      timers[place] = timers[parent];
    timers[place] = timer;
  }

  #pop() {
    const timers = this.#timers;
    const [first, last] = [timers[0], timers.pop()];
    if (timers.length === 0) return first;
    let place = 0;
    for (let child; (child = 2 * place + 1) < timers.length; place = child) {
      if (child + 1 < timers.length && isBefore(timers[child + 1], timers[child])) child++;
      if (!isBefore(timers[child], last)) break;
      timers[place] = timers[child];
    }
    timers[place] = last;
    return first;
  }
}
const isBefore = (one, other) => one.at < other.at || (one.at === other.at && one.order < other.order);

/** A provider whose tasks are done at their second poll. */
const createFetch = () => {
  const polled = new Set();
  let tasks = 0;
  const answer = (data) => Response.json({ code: 200, message: "success", data });
  return async (url, { method = "GET" } = {}) => {
    if (method === "POST") return answer({ taskId: `tk-hiapi-${++tasks}` });
    const taskId = url.slice(url.lastIndexOf("/") + 1);
    if (!polled.has(taskId)) {
      polled.add(taskId);
      return answer({ taskId, model: "gpt-image-2", status: "handling", created: 1, completed: 0 });
    }
    polled.delete(taskId);
    const output = [{ type: "image", url: `https://images.test/${taskId}.png`, expireAt: 1 }];
    return answer({ taskId, model: "gpt-image-2", status: "success", created: 1, completed: 2, output });
  };
};

const contestants = {
  tidegate: async (tasks) => {
    const limits = { concurrency: AT_ONCE };
    const testing = { seed: 1, clock: new Clock() };
    const client = createClient({
      providers: hiapi({ apiKey: "sk-0", limits }),
      fetch: createFetch(),
      testing,
      logLevel: "off",
    });
    const requests = Array.from({ length: tasks }, (_, index) => ({
      model: "gpt-image-2",
      prompt: `picture ${index}`,
      size: "64x64",
    }));
    let made = 0;
    for await (const { ok } of client.batch(requests, { download: false })) if (ok) made++;
    await client.close();
    return made;
  },
  "p-queue + p-retry": async (tasks) => {
    const queue = new PQueue({ concurrency: AT_ONCE });
    const [fetch, { sleep }] = [createFetch(), new Clock()];
    const options = { retries: 5, randomize: true, shouldRetry: ({ error }) => isTransient(error) };
    let made = 0;
    const make = async (index) => {
      const taskId = await pRetry(() => submit(fetch, index), options);
      if (await result(fetch, taskId, sleep)) made++;
    };
    await Promise.all(Array.from({ length: tasks }, (_, index) => queue.add(() => make(index))));
    return made;
  },
};

const who = process.argv[2] ?? "tidegate", tasks = +(process.argv[3] ?? 10000), rounds = +(process.argv[4] ?? 3);
const c = contestants[who];
await c(2000); await c(2000);
const v = [];
for (let i = 0; i < rounds; i++) { globalThis.gc?.(); const b = process.cpuUsage(); await c(tasks); const { user, system } = process.cpuUsage(b); v.push((user + system) / tasks); }
console.log(who, tasks, v.map((x) => x.toFixed(0)).join(" "));
