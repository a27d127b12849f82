// What a task costs in CPU: the package beside p-queue and p-retry, over one stubbed fetch and one clock that waits for nothing. Both make the same three
// requests a task (a submit, a poll too early, a poll at the end) and hold 64 tasks at once. Pairs alternate in one process, so that what else the machine
// does meets both; the ratio is the median of theirs.
import PQueue from "p-queue";
import pRetry from "p-retry";
import { createClient, hiapi } from "tidegate";
import { isTransient, result, submit } from "./provider.mjs";

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

/** µs of CPU a task, of all threads of the process. */
const measure = async (name, tasks) => {
  globalThis.gc();
  const before = process.cpuUsage();
  const made = await contestants[name](tasks);
  const { user, system } = process.cpuUsage(before);
  if (made !== tasks) throw new Error(`${name} made ${made} of ${tasks}`);
  return (user + system) / tasks;
};
const median = (values) => values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)];

if (!globalThis.gc) throw new Error("node --expose-gc cpu.mjs");
const [own, other] = Object.keys(contestants);
// Code becomes quick.
for (const name of [own, other]) await measure(name, 2_000);
console.log(
  `µs of CPU a task: median of each; median of the ratios of pairs, lowest to highest (mark: at most ${MARK.toFixed(1)})`,
);
for (const { tasks, pairs } of ROUNDS) {
  const figures = { [own]: [], [other]: [] };
  for (let pair = 0; pair < pairs; pair++)
    // By turns, so that neither always follows the other.
    for (const name of pair % 2 ? [other, own] : [own, other]) figures[name].push(await measure(name, tasks));
  const ratios = figures[own].map((value, pair) => value / figures[other][pair]);
  const ratio = median(ratios);
  console.log(
    `${String(tasks).padStart(6)} tasks  ${own} ${median(figures[own]).toFixed(0)}  ${other} ${median(figures[other]).toFixed(0)}  ` +
      `ratio ${ratio.toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})  ${ratio <= MARK ? "met" : "MISSED"}`,
  );
}
