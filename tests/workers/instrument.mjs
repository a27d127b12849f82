// Imported before the package: knows in whose request code runs, and writes down what one request does for another.
const { fetch, setTimeout, Promise: Plain } = globalThis;
/** An I/O object of each request: workerd lets only its own request look at it. */
const probes = new Map();

export const report = { violations: [], fetches: [], timers: {} };

/** The name of the request whose context we are in. */
export const current = () => {
  for (const [name, signal] of probes) {
    try {
      void signal.aborted;
      return name;
    } catch {
      // Of another request.
    }
  }
  return undefined;
};

export const begin = (name) => void probes.set(name, new AbortController().signal);

/** Complains if we are elsewhere. */
export const stillIn = (name, what) => {
  const now = current();
  if (name !== undefined && now !== name) report.violations.push({ what, made: name, ran: now ?? "none" });
};

globalThis.fetch = (input, init) => {
  const entry = { by: current(), method: init?.method ?? "GET", url: String(input) };
  if (init?.body) entry.prompt = JSON.parse(init.body).input.prompt;
  report.fetches.push(entry);
  return fetch(input, init);
};

globalThis.setTimeout = (callback, ms) => {
  const name = current();
  return setTimeout(() => {
    report.timers[name] = (report.timers[name] ?? 0) + 1;
    stillIn(name, "a timer");
    callback();
  }, ms);
};

// Every promise that the package makes by a constructor, and every one that `then` makes of those, is settled in the request that made it.
globalThis.Promise = class Promise extends Plain {
  constructor(executor) {
    const name = current();
    const watched = (settle, what) => (value) => {
      stillIn(name, what);
      settle(value);
    };
    super((resolve, reject) => executor(watched(resolve, "a promise resolved"), watched(reject, "a promise rejected")));
  }
};
