// Virtual time and a provider in it: the clocks, timers and fetch of the global object, replaced while a story is told.

/** A turn of the host's own queue; those of timers are too slow in browsers. */
const turn = () =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });

/** Lets every promise that can go on do so: bodies are streams and take some turns. */
const quiet = async () => {
  for (let i = 0; i < 20; i++) await turn();
};

/** A PNG's head; enough to be told for one of 8 by 4 pixels. */
const png = () => {
  const bytes = new Uint8Array(200);
  bytes.set([137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82]);
  new DataView(bytes.buffer).setUint32(16, 8);
  new DataView(bytes.buffer).setUint32(20, 4);
  return bytes;
};

/** Its base64, long enough to stay outside the core. */
const base64 = () => btoa(String.fromCharCode(...png(), ...new Uint8Array(200_000 / 4)));

let restore = () => {};

export class World {
  #timers = new Map();
  #last = 0;
  #tasks = new Map();
  #keys = new Map();
  #settings;

  /** `posts`: the first answers to POST, each null (the provider's own), "network" or [status, headers, body]. `stranger`: no key is known. */
  constructor({ cap = Infinity, duration = 2_000, rtt = 50, posts = [], stranger = false }) {
    this.#settings = { cap, duration, rtt, posts: [...posts], stranger };
    this.now = 0;
    this.most = 0;
    this.refused = 0;
    this.requests = [];
  }

  get created() {
    return this.#tasks.size;
  }

  sleep(ms) {
    return new Promise((resolve) => this.#timers.set(++this.#last, { at: this.now + ms, run: resolve }));
  }

  summary() {
    return JSON.stringify(this.requests);
  }

  /** Replaces the global object's clocks, timers and fetch until `end`, and lets time go on whenever everybody waits. Rejects when time can't go on. */
  async begin() {
    // A story that failed has put nothing back.
    restore();
    const { Date, performance } = globalThis;
    const [dateNow, performanceNow] = [Date.now, performance.now];
    const patch = {
      setTimeout: (run, ms = 0) => (
        this.#timers.set(++this.#last, { at: this.now + Math.max(1, ms), run }),
        this.#last
      ),
      clearTimeout: (id) => this.#timers.delete(id),
      fetch: (input, init) => this.fetch(input, init),
    };
    const before = Object.keys(patch).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]);
    for (const [name, value] of Object.entries(patch))
      Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    Date.now = () => 1_800_000_000_000 + this.now;
    performance.now = () => this.now;
    let ended = false;
    restore = () => {
      ended = true;
      restore = () => {};
      Date.now = dateNow;
      performance.now = performanceNow;
      for (const [name, descriptor] of before) {
        // A worker's scope inherits its timers and fetch.
        if (descriptor) Object.defineProperty(globalThis, name, descriptor);
        else delete globalThis[name];
      }
    };
    for (;;) {
      await quiet();
      if (ended) return;
      this.#step();
    }
  }

  end() {
    restore();
  }

  #step() {
    const [id, next] = [...this.#timers].reduce((a, b) => (b[1].at < a[1].at ? b : a), [0, { at: Infinity }]);
    if (!id) throw new Error(`nothing is left to wait for at ${this.now} ms, and the story has not ended`);
    this.#timers.delete(id);
    this.now = Math.max(this.now, next.at);
    next.run();
  }

  async fetch(input, init = {}) {
    const { signal } = init;
    const { rtt, posts } = this.#settings;
    const url = new URL(input);
    const request = this.#note(url, init);
    const aborted = new Promise((_, reject) =>
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true }),
    );
    aborted.catch(() => {});
    await Promise.race([this.sleep(rtt / 2), aborted]);
    const scripted = request.method === "POST" ? posts.shift() : undefined;
    // A network that fails has delivered the request all the same.
    const own = Array.isArray(scripted) ? undefined : await this.#handle(url, request, init.body);
    if (scripted === "network") throw new TypeError(`fetch failed for ${url}?token=secret`);
    await Promise.race([this.sleep(rtt / 2), aborted]);
    if (own) return own;
    const [status, headers, body] = scripted;
    return new Response(JSON.stringify(body), { status, headers });
  }

  #note(url, { method = "GET", headers, body, redirect }) {
    const sent = new Headers(headers);
    const request = {
      at: this.now,
      method,
      host: url.host,
      path: url.pathname,
      key: sent.get("idempotency-key"),
      authorization: sent.get("authorization"),
      redirect,
      body: typeof body === "string" ? body : undefined,
    };
    this.requests.push(request);
    return request;
  }

  async #handle(url, request, body) {
    if (url.host === "images.test") return new Response(png(), { headers: { "content-type": "image/png" } });
    if (url.pathname.startsWith("/v1/images/")) return this.#openai(request, body);
    const answer = (data, status = 200) => Response.json({ code: status, message: "", data }, { status });
    if (request.method === "POST") {
      if (!this.#keys.has(request.key)) {
        const running = [...this.#tasks.values()].filter((until) => until > this.now).length;
        if (running >= this.#settings.cap) {
          this.refused++;
          return Response.json({ error: { code: "rate_limit_exceeded" } }, { status: 429 });
        }
        this.most = Math.max(this.most, running + 1);
        const taskId = `t${this.#tasks.size + 1}`;
        this.#keys.set(request.key, taskId);
        this.#tasks.set(taskId, this.now + this.#settings.duration);
      }
      return answer({ taskId: this.#keys.get(request.key) });
    }
    if (url.search === "?page=1&size=1")
      return this.#settings.stranger ? answer(null, 401) : answer({ tasks: [], total: 0 });
    const taskId = url.pathname.split("/").at(-1);
    const until = this.#tasks.get(taskId);
    if (until === undefined) return answer(null, 404);
    if (until > this.now) return answer({ taskId, status: "handling" });
    const output = [{ type: "image", url: `https://images.test/${taskId}.png?signature=secret` }];
    return answer({ taskId, status: "success", output });
  }

  /** OpenAI's Images API: what a form holds is noted. */
  async #openai(request, body) {
    if (body instanceof FormData) {
      request.form = [];
      for (const [name, value] of body)
        request.form.push([name, typeof value === "string" ? value : `${value.name} ${value.type} ${value.size}`]);
    }
    await this.sleep(this.#settings.duration);
    return Response.json({
      data: [{ b64_json: base64(), revised_prompt: "a redder apple" }],
      usage: { total_tokens: 7 },
    });
  }
}
