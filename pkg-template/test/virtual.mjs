// Virtual time: the clocks and timers of the global object, replaced; a fetch that plays HiAPI in that time.
const real = { setImmediate };

/** What the global object had, put back by `restore`. */
const patch = (values) => {
  const before = Object.keys(values).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]);
  for (const [name, value] of Object.entries(values))
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  return () => before.forEach(([name, descriptor]) => Object.defineProperty(globalThis, name, descriptor));
};

/** Lets every promise that can go on do so: bodies are streams and take some turns. */
const quiet = async () => {
  for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => real.setImmediate(resolve));
};

/** Runs `story` in virtual time; it ends when its promise does, however far away that is. */
export const inVirtualTime = async (story, fetch) => {
  let now = 0;
  let last = 0;
  const timers = new Map();
  const restoreNow = Date.now;
  const clock = {
    get now() {
      return now;
    },
    sleep: (ms) => new Promise((resolve) => timers.set(++last, { at: now + ms, run: resolve })),
  };
  const restore = patch({
    setTimeout: (run, ms = 0) => (timers.set(++last, { at: now + Math.max(1, ms), run }), last),
    clearTimeout: (id) => timers.delete(id),
    performance: { now: () => now },
    fetch: (...parameters) => fetch(clock, ...parameters),
  });
  Date.now = () => 1_800_000_000_000 + now;
  try {
    let ended = false;
    const end = () => (ended = true);
    const told = story(clock);
    told.then(end, end);
    for (;;) {
      await quiet();
      if (ended) return await told;
      const [id, next] = [...timers].reduce((a, b) => (b[1].at < a[1].at ? b : a), [0, { at: Infinity }]);
      if (!id) throw new Error(`nothing is left to wait for at ${now} ms, and the story has not ended`);
      timers.delete(id);
      now = Math.max(now, next.at);
      next.run();
    }
  } finally {
    Date.now = restoreNow;
    restore();
  }
};

/** A PNG's head with these measures; enough to be told for one. */
export const png = (width, height) => {
  const bytes = new Uint8Array(200);
  bytes.set([137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82]);
  const view = new DataView(bytes.buffer);
  view.setUint32(16, width);
  view.setUint32(20, height);
  return bytes;
};

/** HiAPI with a round trip of `rtt` ms and tasks of `duration(index)` ms; `script(request)` may answer, or break, before it does. */
export const createHiapi = ({ script = () => undefined, duration = () => 2_000, cap = Infinity, rtt = 50 } = {}) => {
  const hiapi = { requests: [], tasks: new Map(), keys: new Map() };
  const answer = (data, status = 200) => Response.json({ code: status, message: "", data }, { status });
  hiapi.fetch = async (clock, input, init = {}) => {
    const url = new URL(input);
    const { method = "GET", signal } = init;
    const headers = new Headers(init.headers);
    const request = {
      at: clock.now,
      method,
      path: url.pathname,
      headers,
      body: init.body,
      redirect: init.redirect,
      clock,
    };
    hiapi.requests.push(request);
    const aborted = new Promise((_, reject) =>
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true }),
    );
    aborted.catch(() => {});
    await Promise.race([clock.sleep(rtt / 2), aborted]);
    const response = (await Promise.race([script(request, hiapi), aborted])) ?? handle(clock, url, method, headers);
    await Promise.race([clock.sleep(rtt / 2), aborted]);
    return response;
  };
  const handle = (clock, url, method, headers) => {
    if (url.host === "images.test") return new Response(png(8, 4), { headers: { "content-type": "image/png" } });
    const running = [...hiapi.tasks.values()].filter(({ until }) => until > clock.now).length;
    if (method === "POST") {
      const key = headers.get("idempotency-key");
      if (!hiapi.keys.has(key)) {
        if (running >= cap) return Response.json({ error: { code: "rate_limit_exceeded" } }, { status: 429 });
        const taskId = `t${hiapi.tasks.size + 1}`;
        hiapi.keys.set(key, taskId);
        hiapi.tasks.set(taskId, { until: clock.now + duration(hiapi.tasks.size) });
      }
      return answer({ taskId: hiapi.keys.get(key) });
    }
    const taskId = url.pathname.split("/").at(-1);
    const task = hiapi.tasks.get(taskId);
    if (!task) return answer(null, 404);
    if (task.until > clock.now) return answer({ taskId, status: "handling" });
    return answer({ taskId, status: "success", output: [{ type: "image", url: `https://images.test/${taskId}.png` }] });
  };
  hiapi.of = (method, path = "/v1/tasks") =>
    hiapi.requests.filter((r) => r.method === method && r.path.startsWith(path));
  return hiapi;
};
