import type { Core, Host } from "./core.js";
import type { HostSettings, Signal } from "./generation.js";
import type { Guard } from "./guard.js";
import { Handles } from "./handles.js";
import { createSend, drop, type Outgoing } from "./outgoing.js";

/** The longest timer that hosts keep; longer ones fire at once. */
const LONGEST = 2 ** 31 - 1;
/** How often whoever waits for what another request does looks whether it is done. */
const LOOK_EVERY = 250;

/** What outlives a core: timers, fetches and bytes; and the table of functions for each core in turn. */
export class HostTable {
  readonly handles = new Handles();
  readonly #timers = new Map<number, { at: number; stop: () => void }>();
  readonly #outgoing: Outgoing = new Map();
  readonly #signals: Signal[] = [];
  readonly #settings: HostSettings;

  constructor(settings: HostSettings) {
    this.#settings = settings;
  }

  /** Milliseconds since the epoch. */
  readonly wall = (): number => this.#settings.clock?.wall?.() ?? Date.now();

  /** The functions for the core of one generation; once another has come, they do nothing. */
  create(guard: Guard, generation: number): Host {
    const { handles } = this;
    const settings = this.#settings;
    const outgoing = this.#outgoing;
    const { clock, journal, log, listens, emit } = settings;
    const stale = (): boolean => guard.generation !== generation;
    for (const call of outgoing.keys()) drop(outgoing, call, guard);
    // Effects are performed in the context of their owner, and what comes of them arrives there.
    const here = (): number => guard.context ?? 0;
    // An answer meant for an earlier core: its owner has to look anew.
    // Of the task its number is kept alone: a store may never answer.
    const deliver = (owner: number, task: number | undefined, input: (core: Core) => void): void => {
      if (stale()) return guard.wakeSoon(owner);
      const live = guard.tasks.get(task ?? -1);
      // What concerns no task may still be what each core stops on.
      const [concerned, weight] = live ? [() => [live], 1] : [() => guard.everyone(), 1 / 8];
      guard.run(owner, concerned, input, { again: () => !stale(), weight });
    };

    const now = (): number => (clock ?? performance).now();
    return {
      now,
      wall: this.wall,
      send: createSend({ settings, guard, number: generation, stale, now, handles, signals: this.#signals }, outgoing),

      abort: (number) => {
        if (stale()) return;
        drop(outgoing, number, guard);
        const call = guard.calls.get(number);
        if (!call) return;
        // Its connection went with its request.
        if (!guard.here(call.owner)) return void guard.calls.delete(number);
        call.controller.abort();
        // Not every fetch heeds its signal; the core hears of the end in any case.
        queueMicrotask(() => guard.arrive(number, call, (core) => core.failed(number, 1, "aborted")));
      },

      keep: (handle, task) => handles.keep(handle, task),

      put: (seq, key, record) => {
        if (stale()) return false;
        const [owner, live] = [here(), guard.byKey(key)];
        const task = live?.number;
        live?.records.set(key, record);
        const durable = journal.put(owner, key, record);
        if (typeof durable === "boolean") return durable;
        void durable.then((ok) => deliver(owner, task, (core) => core.stored(seq, ok)));
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
          if (record) live?.sent.push((JSON.parse(record) as { index?: number } | null)?.index ?? 0);
          deliver(owner, live?.number, (core) => core.loaded(seq, record ?? ""));
        });
      },

      update: (task, accepted, text) => {
        if (!stale()) guard.tasks.get(task)?.update(text, accepted);
      },
      settle: (task, kind, value) => {
        if (stale()) return;
        if (kind === "late") return settings.late(task, here(), JSON.parse(value) as object);
        const live = guard.tasks.get(task);
        live?.settle(kind, JSON.parse(value) as object);
        // If it is still there, it looks by itself; the timers of the dead are forgotten.
        if (live && !guard.here(live.owner)) this.#timers.delete(live.owner);
      },
      release: (task) => {
        if (!stale()) guard.release(task);
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

  /** Resolves after so long. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#after(ms, resolve));
  }

  /** Stops an owner's timer; those of others show them that it is over. */
  close(owner: number): void {
    this.#disarm(owner);
  }

  #disarm(owner: number): void {
    this.#timers.get(owner)?.stop();
    this.#timers.delete(owner);
  }
}
