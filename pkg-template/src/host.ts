import { readBody, toAnswer, type Body } from "./body.js";
import type { BodyKind, Core, Fault, Host } from "./core.js";
import { toForm } from "./form.js";
import type { Call, Guard, Live } from "./guard.js";
import type { Log } from "./log.js";
import type { createAuthorizer } from "./providers.js";
import type { Journal } from "./store.js";
import type { Clock, Fetch } from "./types.js";

/** The longest timer that hosts keep; longer ones fire at once. */
const LONGEST = 2 ** 31 - 1;
/** How often whoever waits for what another request does looks whether it is done. */
const LOOK_EVERY = 250;

export interface HostSettings {
  readonly clock?: Clock | undefined;
  readonly fetch?: Fetch | undefined;
  readonly authorizers: readonly ReturnType<typeof createAuthorizer>[];
  readonly journal: Journal;
  readonly log: Log;
  /** Whether there are listeners of an event. */
  readonly listens: (name: string) => boolean;
  /** Tells them. */
  readonly emit: (name: string, value: object) => void;
}

/** Bytes and whatever else stays on this side; the core knows numbers. */
export class Handles {
  readonly #held = new Map<number, { task: number; data: unknown }>();
  /** What each task has been given, whether it still has it or not. */
  readonly #given = new Map<number, number[]>();
  #last = 0;

  hold(task: number, data: unknown): number {
    const handle = ++this.#last;
    this.#held.set(handle, { task, data });
    this.#give(handle, task);
    return handle;
  }
  get(handle: number): unknown {
    return this.#held.get(handle)?.data;
  }
  keep(handle: number, task: number): void {
    const held = this.#held.get(handle);
    if (!held) return;
    held.task = task;
    this.#give(handle, task);
  }
  /** What a settled task held. */
  drop(task: number): void {
    for (const handle of this.#given.get(task) ?? [])
      if (this.#held.get(handle)?.task === task) this.#held.delete(handle);
    this.#given.delete(task);
  }
  #give(handle: number, task: number): void {
    const given = this.#given.get(task);
    if (given) given.push(handle);
    else this.#given.set(task, [handle]);
  }
}

/** A request whose credential or form is awaited. */
interface Outgoing {
  readonly owner: number;
  /** Gives up what its form needs. */
  readonly controller: AbortController | undefined;
}

/** A signal whose request has come to its end serves another one: each is an object that hosts are slow to make. */
interface Signal {
  readonly controller: AbortController;
  uses: number;
}
/** And so many at most, for a fetch may leave a listener on each. */
const MOST_USES = 8;

/** Bits of a request's kind. */
const [REFRESH, POST, FORM] = [1, 2, 4];
const NOTHING = new Uint8Array(0);
/** What was read to its end. */
const isWhole = (kind: number): boolean => kind === 4 || kind === 6;

/** What outlives a core: timers, fetches and bytes; and the table of functions for each core in turn. */
export class HostTable {
  readonly handles = new Handles();
  readonly #timers = new Map<number, { at: number; stop: () => void }>();
  readonly #outgoing = new Map<number, Outgoing>();
  readonly #signals: Signal[] = [];
  readonly #settings: HostSettings;

  constructor(settings: HostSettings) {
    this.#settings = settings;
  }

  /** The functions for the core of one generation; once another has come, they do nothing. */
  create(guard: Guard, generation: number): Host {
    const { clock, fetch, authorizers, journal, log, listens, emit } = this.#settings;
    const stale = (): boolean => guard.generation !== generation;
    for (const call of this.#outgoing.keys()) this.#dropOutgoing(call, guard);
    // Effects are performed in the context of their owner, and what comes of them arrives there.
    const here = (): number => guard.context ?? 0;
    const fail = (number: number, call: Call, fault: 0 | 1, message: string): void =>
      guard.arrive(number, call, (core) => core.failed(number, fault, message));
    // An answer meant for an earlier core: its owner has to look anew.
    const deliver = (owner: number, live: Live | undefined, input: (core: Core) => void): void => {
      if (stale()) return guard.wakeSoon(owner);
      guard.run(owner, () => (live && guard.tasks.has(live.number) ? [live] : []), input, { again: () => !stale() });
    };

    const now = (): number => (clock ?? performance).now();
    /** The headers that the core reads, and its numbers for them. */
    let names: Map<string, number> | undefined;

    return {
      now,
      wall: () => Date.now(),

      send: (number, task, part, purpose, provider, kind, limit, head, body) => {
        if (stale()) return 0;
        const owner = here();
        const [url = "", ...fields] = head.split("\n");
        const headers: Record<string, string> = {};
        for (let at = 0; at < fields.length; at += 2) headers[fields[at]!] = fields[at + 1]!;
        const method = kind & POST ? "POST" : "GET";

        const start = (body: string | FormData | undefined): void => {
          const signal = (owner === 0 && this.#signals.pop()) || { controller: new AbortController(), uses: 0 };
          const { controller } = signal;
          const [call, since] = [{ task, owner, part, purpose, controller }, now()];
          guard.lastCall = Math.max(guard.lastCall, number);
          guard.calls.set(number, call);
          if (purpose === 0) guard.tasks.get(task)?.sent.push(part);
          let promise: Promise<Response>;
          try {
            // From here on it may be given up, if need be by the fetch itself.
            promise = (fetch ?? globalThis.fetch)(url, {
              method,
              headers: new Headers(headers),
              redirect: provider < 0 ? "follow" : "manual",
              signal: controller.signal,
              ...(body !== undefined && { body }),
            });
          } catch (cause) {
            promise = Promise.reject(cause);
          }
          void arrive(call, signal, promise, since);
        };
        const told = (signal: AbortController, since: number, response?: Response): void => {
          if (stale() || signal.signal.aborted || !listens("http")) return;
          const [status, requestId] = [response?.status, response?.headers.get("x-request-id")];
          const more = { ...(status && { status }), ms: now() - since, ...(requestId && { requestId }) };
          emit("http", { method, url: url.split("?")[0], ...more });
        };
        const arrive = async (call: Call, signal: Signal, promise: Promise<Response>, since: number): Promise<void> => {
          let response: Response;
          let theirs: [name: string, value: string][];
          let [kind, bytes]: Body = [3];
          try {
            response = await promise;
            [kind, bytes] = await readBody(response, limit);
            // Here, since a fetch may give what is no Response at all; further down that would look like a trap.
            theirs = [...response.headers];
            told(call.controller, since, response);
          } catch (cause) {
            told(call.controller, since);
            return fail(number, call, call.controller.signal.aborted ? 1 : 0, reason(cause));
          }
          guard.arrive(number, call, (core) => {
            names ??= new Map(
              core
                .headers()
                .split(" ")
                .map((name, number) => [name, number]),
            );
            const lines = headerLines(names, theirs);
            const held: number[] = [];
            // In the name of the core, as of a task below zero.
            const hold = (value: string): number => {
              held.push(this.handles.hold(-generation, value));
              return held.at(-1)!;
            };
            let [what, content, handle]: [BodyKind, Uint8Array, number] = [kind, bytes ?? NOTHING, 0];
            if (kind === 4 && purpose === 2)
              // A task that has been cancelled as it came will never let go of it.
              [content, handle] = [bytes!.subarray(0, 64), guard.tasks.has(task) ? this.handles.hold(task, bytes) : 0];
            else if (kind === 4) [what, content = NOTHING] = toAnswer(bytes!, hold);
            try {
              core.answer(number, response.status, lines, what, content, handle);
            } finally {
              // Those that are images have been kept meanwhile; the others can go.
              if (held.length > 0) this.handles.drop(-generation);
            }
          });
          if (isWhole(kind) && owner === 0 && !signal.controller.signal.aborted && ++signal.uses < MOST_USES)
            this.#signals.push(signal);
        };

        if (provider < 0) {
          start(body);
          return 1;
        }
        const outgoing: Outgoing = { owner, controller: kind & FORM ? new AbortController() : undefined };
        const later = (input: (core: Core) => void): void => {
          if (stale()) guard.wakeSoon(owner);
          else guard.run(owner, () => guard.everyone(), input, { again: () => !stale(), weight: 1 / 8 });
        };
        // It may have been given up meanwhile.
        const isAwaited = (): boolean => this.#outgoing.get(number) === outgoing;
        const failed = (fault: Fault, message: string): void => {
          if (!isAwaited()) return;
          this.#outgoing.delete(number);
          later((core) => core.failed(number, fault, message));
        };
        const noKey = (): void => failed(2, "the apiKey function threw or returned no usable key");
        const begin = (body: string | FormData | undefined): void =>
          later((core) => {
            if (!isAwaited()) return;
            core.begin(number);
            this.#outgoing.delete(number);
            start(body);
          });
        const make = (): void => {
          const { controller } = outgoing;
          if (!isAwaited()) return;
          if (!controller) return begin(body);
          const held = (handle: number): unknown => this.handles.get(handle);
          const fetchImage = fetch ?? ((url, init) => globalThis.fetch(url, init));
          toForm(body!, held, fetchImage, controller.signal).then(begin, (cause: unknown) => failed(3, reason(cause)));
        };
        try {
          const done = authorizers[provider]!(headers, (kind & REFRESH) !== 0);
          if (done === true && !outgoing.controller) {
            start(body);
            return 1;
          }
          this.#outgoing.set(number, outgoing);
          if (done === true) make();
          else done.then(make, noKey);
        } catch {
          this.#outgoing.set(number, outgoing);
          queueMicrotask(noKey);
        }
        return 0;
      },

      abort: (number) => {
        if (stale()) return;
        this.#dropOutgoing(number, guard);
        const call = guard.calls.get(number);
        if (!call) return;
        // Its connection went with its request.
        if (!guard.here(call.owner)) return void guard.calls.delete(number);
        call.controller.abort();
        // Not every fetch heeds its signal; the core hears of the end in any case.
        queueMicrotask(() => fail(number, call, 1, "aborted"));
      },

      keep: (handle, task) => this.handles.keep(handle, task),

      put: (seq, key, record) => {
        if (stale()) return false;
        const [owner, live] = [here(), guard.byKey(key)];
        live?.records.set(key, record);
        const durable = journal.put(owner, key, record);
        if (typeof durable === "boolean") return durable;
        void durable.then((ok) => deliver(owner, live, (core) => core.stored(seq, ok)));
        return false;
      },
      remove: (key) => {
        if (stale()) return;
        guard.byKey(key)?.records.delete(key);
        journal.remove(here(), key);
      },
      load: (seq, key) => {
        if (stale()) return;
        const owner = here();
        void journal.load(owner, key).then((record) => {
          const live = guard.byKey(key);
          if (record) live?.sent.push((record as { index: number }).index);
          deliver(owner, live, (core) => core.loaded(seq, record ? JSON.stringify(record) : ""));
        });
      },

      update: (task, accepted, text) => {
        if (!stale()) guard.tasks.get(task)?.update(text, accepted);
      },
      settle: (task, kind, value) => {
        const live = stale() ? undefined : guard.tasks.get(task);
        live?.settle(kind, JSON.parse(value) as object);
        // If it is still there, it looks by itself; the timers of the dead are forgotten.
        if (live && !guard.here(live.owner)) this.#timers.delete(live.owner);
      },
      listens: (name) => !stale() && listens(name),
      event: (name, value) => {
        if (!stale()) emit(name, JSON.parse(value) as object);
      },
      log,

      arm: (owner, at) => {
        // A timer of another request would not outlive this one.
        if (stale() || owner !== here()) return;
        // Where all is one context nothing else waits for it.
        if (owner === 0 && this.#timers.get(0)?.at === at) return;
        this.#disarm(owner);
        // What waits here for what happens in another request waits by a timer of its own.
        const waiting = owner ? guard.waiting(owner) : [];
        if (at < 0 && waiting.length === 0) return;
        const delay = at < 0 ? LOOK_EVERY : Math.min(Math.max(0, Math.ceil(at - now())), LONGEST);
        const fire = (): void => {
          this.#timers.delete(owner);
          guard.wake(owner);
          for (const live of waiting) live.sync();
        };
        this.#timers.set(owner, { at, stop: this.#after(delay, fire) });
      },
    };
  }

  /** Waits for a promise, but not longer than that. */
  atMost(ms: number, promise: Promise<unknown>): Promise<unknown> {
    return new Promise<unknown>((resolve) => {
      const stop = this.#after(ms, () => resolve(undefined));
      void promise.then((value) => {
        stop();
        resolve(value);
      });
    });
  }

  #after(ms: number, act: () => void): () => void {
    const { clock } = this.#settings;
    if (clock) return clock.setTimeout(act, ms);
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  }

  /** Stops an owner's timer; those of others show them that it is over. */
  close(owner: number): void {
    this.#disarm(owner);
  }

  /** Nobody wants that request any more. */
  #dropOutgoing(call: number, guard: Guard): void {
    const outgoing = this.#outgoing.get(call);
    this.#outgoing.delete(call);
    if (outgoing && guard.here(outgoing.owner)) outgoing.controller?.abort();
  }

  #disarm(owner: number): void {
    this.#timers.get(owner)?.stop();
    this.#timers.delete(owner);
  }
}

/** What the core reads of some headers: the number and the value of each, in lines. */
const headerLines = (numbers: ReadonlyMap<string, number>, headers: readonly [string, string][]): string => {
  let lines = "";
  for (const [name, value] of headers) {
    const number = numbers.get(name);
    if (number !== undefined) lines += `${number} ${value}\n`;
  }
  return lines;
};

/** Why a fetch failed, without the queries of URLs, which may be signatures. */
const reason = (cause: unknown): string => {
  if (!(cause instanceof Error)) return "fetch failed";
  // Node has a code on the cause, Bun on the error, Deno words on the cause: the core knows those that mean that nothing left.
  const inner = cause.cause as { code?: unknown; message?: unknown } | undefined;
  const more = [inner?.code, (cause as { code?: unknown }).code, inner?.message].find(
    (text) => typeof text === "string",
  );
  return `${cause.message}${more === undefined ? "" : ` (${more as string})`}`.replace(/\?\S*/g, "?…");
};
