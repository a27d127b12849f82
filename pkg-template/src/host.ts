import { readBody } from "./body.js";
import type { Core, Fault, Host } from "./core.js";
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
  #last = 0;

  hold(task: number, data: unknown): number {
    this.#held.set(++this.#last, { task, data });
    return this.#last;
  }
  get(handle: number): unknown {
    return this.#held.get(handle)?.data;
  }
  keep(handle: number, task: number): void {
    const held = this.#held.get(handle);
    if (held) held.task = task;
  }
  /** Unless it was kept for somebody else meanwhile. */
  release(handle: number, task: number): void {
    if (this.#held.get(handle)?.task === task) this.#held.delete(handle);
  }
  /** What a settled task held. */
  drop(task: number): void {
    for (const [handle, held] of this.#held) if (held.task === task) this.#held.delete(handle);
  }
}

interface Making {
  readonly owner: number;
  readonly controller: AbortController;
  made?: FormData;
}

/** What outlives a core: timers, fetches and bytes; and the table of functions for each core in turn. */
export class HostTable {
  readonly handles = new Handles();
  readonly #timers = new Map<number, () => void>();
  /** Forms by call, from when they are begun to when they are asked for. */
  readonly #forms = new Map<number, Making>();
  readonly #settings: HostSettings;

  constructor(settings: HostSettings) {
    this.#settings = settings;
  }

  /** The functions for the core of one generation; once another has come, they do nothing. */
  create(guard: Guard, generation: number): Host {
    const { clock, fetch, authorizers, journal, log, listens, emit } = this.#settings;
    const stale = (): boolean => guard.generation !== generation;
    // Strings are held in the name of the core, as a task below zero; those of the core before are let go.
    this.handles.drop(1 - generation);
    for (const call of this.#forms.keys()) this.#dropForm(call, guard);
    // Effects are performed in the context of their owner, and what comes of them arrives there.
    const here = (): number => guard.context ?? 0;
    // An answer meant for an earlier core: its owner has to look anew.
    const deliver = (owner: number, live: Live | undefined, input: (core: Core) => void): void => {
      if (stale()) return guard.wakeSoon(owner);
      guard.run(owner, () => (live && guard.tasks.has(live.number) ? [live] : []), input, { again: () => !stale() });
    };

    return {
      now: () => (clock ?? performance).now(),
      wall: () => Date.now(),
      // A fetch that throws instead of rejecting must not look like a trap.
      fetch: fetch && ((...parameters) => new Promise((resolve) => resolve(fetch(...parameters)))),

      authorize: (call, provider, headers, refresh, form) => {
        if (stale()) return false;
        const owner = here();
        const later = (input: (core: Core) => void): void => {
          if (stale()) guard.wakeSoon(owner);
          else guard.run(owner, () => guard.everyone(), input, { again: () => !stale(), weight: 1 / 8 });
        };
        const making: Making | undefined =
          form === undefined ? undefined : { owner, controller: new AbortController() };
        if (making) this.#forms.set(call, making);
        const isMaking = (): boolean => this.#forms.get(call) === making;
        const begin = (): void => later((core) => core.begin(call));
        const fail = (fault: Fault, message: string): void => {
          if (isMaking()) this.#forms.delete(call);
          later((core) => core.failed(call, fault, message));
        };
        const noKey = (): void => fail(2, "the apiKey function threw or returned no usable key");
        const make = (): void => {
          // Given up while the key was awaited, or there is none to make.
          if (!making || !isMaking()) return begin();
          const held = (handle: number): unknown => this.handles.get(handle);
          const fetchImage = fetch ?? ((url, init) => globalThis.fetch(url, init));
          toForm(form!, held, fetchImage, making.controller.signal).then(
            (made) => {
              making.made = made;
              begin();
            },
            (cause: unknown) => fail(3, reason(cause)),
          );
        };
        try {
          const done = authorizers[provider]!(headers, refresh);
          if (done !== true) done.then(make, noKey);
          else if (making) make();
          else return true;
        } catch {
          queueMicrotask(noKey);
        }
        return false;
      },
      form: (call) => {
        const form = this.#forms.get(call)?.made;
        this.#forms.delete(call);
        return form;
      },

      file: (number, task, part, purpose, promise, controller, limit) => {
        const live = guard.tasks.get(task);
        const call: Call = { task, owner: here(), part, purpose, controller };
        const fail = (fault: 0 | 1, message: string): void =>
          guard.arrive(number, call, (core) => core.failed(number, fault, message));
        if (stale()) {
          controller.abort();
        } else {
          guard.lastCall = Math.max(guard.lastCall, number);
          guard.calls.set(number, call);
          if (purpose === 0) live?.sent.add(part);
          // Not every fetch heeds its signal; the core hears of the end in any case.
          controller.signal.addEventListener("abort", () => queueMicrotask(() => fail(1, "aborted")), { once: true });
        }
        promise.then(
          async (response) => {
            const [kind, value] = await readBody(response, limit, purpose === 2);
            guard.arrive(number, call, (core) => {
              const bytes = kind === 4 && (value as Uint8Array);
              const held = bytes && {
                handle: this.handles.hold(task, bytes),
                size: bytes.length,
                head: bytes.slice(0, 64),
              };
              core.answer(number, response.status, response.headers, kind, held || value);
            });
          },
          (cause: unknown) => fail(controller.signal.aborted ? 1 : 0, reason(cause)),
        );
      },

      abort: (number) => {
        if (stale()) return;
        this.#dropForm(number, guard);
        const call = guard.calls.get(number);
        if (!call) return;
        if (guard.here(call.owner)) call.controller.abort();
        // Its connection went with its request.
        else guard.calls.delete(number);
      },

      hold: (value) => this.handles.hold(-generation, value),
      keep: (handle, task) => this.handles.keep(handle, task),
      release: (handle) => this.handles.release(handle, -generation),

      put: (seq, key, record) => {
        if (stale()) return;
        const [owner, live] = [here(), guard.byKey(key)];
        live?.records.set(key, record);
        void journal.put(owner, key, record).then((ok) => deliver(owner, live, (core) => core.stored(seq, ok)));
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
          if (record) live?.sent.add((record as { index: number }).index);
          deliver(owner, live, (core) => core.loaded(seq, record));
        });
      },

      update: (task, update) => {
        if (!stale()) guard.tasks.get(task)?.update(update);
      },
      settle: (task, kind, value) => {
        const live = stale() ? undefined : guard.tasks.get(task);
        live?.settle(kind, value);
        // If it is still there, it looks by itself; the timers of the dead are forgotten.
        if (live && !guard.here(live.owner)) this.#timers.delete(live.owner);
      },
      listens: (name) => !stale() && listens(name),
      event: (name, value) => {
        if (!stale()) emit(name, value);
      },
      log,

      arm: (owner, ms) => {
        // A timer of another request would not outlive this one.
        if (stale() || owner !== here()) return;
        this.#disarm(owner);
        // What waits here for what happens in another request waits by a timer of its own.
        const waiting = owner ? guard.waiting(owner) : [];
        if (ms < 0 && waiting.length === 0) return;
        const delay = ms < 0 ? LOOK_EVERY : Math.min(Math.ceil(ms), LONGEST);
        const fire = (): void => {
          this.#timers.delete(owner);
          guard.wake(owner);
          for (const live of waiting) live.sync();
        };
        this.#timers.set(owner, this.#after(delay, fire));
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

  /** Nobody wants that form any more. */
  #dropForm(call: number, guard: Guard): void {
    const making = this.#forms.get(call);
    this.#forms.delete(call);
    if (making && guard.here(making.owner)) making.controller.abort();
  }

  #disarm(owner: number): void {
    this.#timers.get(owner)?.();
    this.#timers.delete(owner);
  }
}

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
