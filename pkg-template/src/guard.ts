import type { Core, Purpose, Settlement } from "./core.js";
import type { Log } from "./log.js";
import type { TaskRef } from "./types-task.js";

/** A task as the core knows it, by number: an image being made, or the download of one. */
export interface Live {
  readonly number: number;
  readonly owner: number;
  /** The idempotency key, once known. */
  key: string;
  readonly ref?: TaskRef | undefined;
  /** Its parts whose submits have left: they may be billed. */
  readonly sent: number[];
  /** The latest journal records of its parts, by key: what a restart goes on from. */
  readonly records: Map<string, string>;
  /** How often in a row the core has trapped on it. */
  traps: number;
  /** What the host threw at its latest request, if that had no answer: the cause of whatever error comes of it. */
  trouble?: unknown;
  /** Tells a core of it, the first or the next, with what is written down of it, a record a line; returns the idempotency key. */
  register(core: Core, records: string): string;
  update(text: string, accepted: boolean): void;
  settle(kind: Settlement, value: object): void;
  /** Tells those who wait for it in its own request what has become of it in another one. */
  sync(): void;
  /** Other requests that want it, too. */
  readonly followers?: readonly Live[];
}

/** A fetch under way. */
export interface Call {
  readonly task: number;
  readonly owner: number;
  readonly part: number;
  readonly purpose: Purpose;
  readonly controller: AbortController;
}

/** A wide input (a timer) concerns tasks that are most likely innocent. */
const WIDE = 1 / 8;
/** Traps that end a task. */
const LIMIT = 2;

/**
 * The only way to the core. Any exception out of it is a trap: the old core is never touched again, a new one takes the live tasks and the submits in
 * flight, and the input is delivered once more; a task on which the core traps again ends with CoreCrashedError.
 */
export class Guard {
  readonly tasks = new Map<number, Live>();
  /** Tasks that have succeeded and whose results nobody has taken yet. */
  readonly untaken = new Map<number, Live>();
  readonly calls = new Map<number, Call>();
  /** The owner in whose context we are, while the core runs. */
  context: number | undefined;
  /** Batches that wait. */
  readonly paused = new Set<number>();
  /** Of the core: what belongs to an earlier one is ignored. */
  generation = 0;
  /** The highest number of a call so far. */
  lastCall = 0;
  /** Of a closed client. */
  lastStatus = '{"lanes":[],"waiting":0,"running":0}';
  /** Why there is no core, after a failed start. */
  failure: unknown;
  #core: Core | undefined;
  #closed = false;
  readonly #keys = new Map<string, Live>();
  readonly #waking = new Set<number>();
  readonly #create: (generation: number, firstCall: number) => Core;
  readonly #log: Log;

  constructor(create: (generation: number, firstCall: number) => Core, log: Log) {
    this.#create = create;
    this.#log = log;
  }

  /** Whether promises, fetches and timers of this owner may be touched: on Workers only in their own request. */
  here(owner: number): boolean {
    return this.context === undefined || this.context === owner;
  }

  /** Those who wait in an owner's context. */
  waiting(owner: number): Live[] {
    return this.everyone()
      .flatMap((live) => [live, ...(live.followers ?? [])])
      .filter((live) => live.owner === owner);
  }

  /** Registers a task; its effects run in a microtask. */
  add(live: Live): void {
    this.#within(live.owner, () => {
      if (!this.#core && !this.#restart()) return this.#crash(live, this.failure);
      this.tasks.set(live.number, live);
      // After a trap the restart has registered it already.
      const register = (core: Core): void => this.name(live, live.register(core, ""));
      this.run(live.owner, () => [live], register, { again: () => false });
      this.wakeSoon(live.owner);
    });
  }

  #within<T>(owner: number, act: () => T): T {
    const before = this.context;
    this.context = owner;
    try {
      return act();
    } finally {
      this.context = before;
      // A callback of the core has called it again: what goes on is the first one's business.
      if (before !== undefined) this.#core?.enter(before);
    }
  }

  /** Forgets a task that has settled. */
  remove(live: Live): void {
    this.tasks.delete(live.number);
    this.#unname(live);
  }

  /** A task has a result, which is held until somebody takes it. */
  hold(live: Live): void {
    this.tasks.delete(live.number);
    this.untaken.set(live.number, live);
    if (live.key) this.#keys.set(live.key, live);
  }

  /** The core has no use for what is held of a task. */
  release(number: number): void {
    const live = this.untaken.get(number);
    if (live) this.#unname(live);
    this.untaken.delete(number);
  }

  /** Somebody has got the result of a task. */
  taken({ number, owner }: Live, forget: (owner: number, key: string) => void): void {
    const held = this.untaken.get(number);
    if (!held) return;
    const here = this.context ?? owner;
    const known = this.run(
      here,
      () => [],
      (core) => core.taken(number),
      { again: () => false },
    );
    // A core before this one made it. Of a key that the caller chose the record stays: the same key is to be the same image.
    if (known === false) for (const [key, text] of held.records) if (!/"fingerprint":/.test(text)) forget(here, key);
    this.release(number);
  }

  #unname(live: Live): void {
    if (this.#keys.get(live.key) === live) this.#keys.delete(live.key);
  }

  /** The key of a task is known. */
  name(live: Live, key: string): void {
    if (!key) return;
    live.key = key;
    if (this.tasks.has(live.number)) this.#keys.set(key, live);
  }

  /**
   * Delivers an input.
   *
   * @param owner in whose context we are
   * @param concerned the tasks to blame for a trap
   * @returns undefined where the core could not take it
   */
  run<T>(
    owner: number,
    concerned: () => readonly Live[],
    deliver: (core: Core) => T,
    { again = () => true, weight = 1 }: { again?: () => boolean; weight?: number } = {},
  ): T | undefined {
    return this.#within(owner, () => this.#deliver(owner, concerned, deliver, again, weight));
  }

  #deliver<T>(
    owner: number,
    concerned: () => readonly Live[],
    deliver: (core: Core) => T,
    again: () => boolean,
    weight: number,
  ): T | undefined {
    for (let trial = 0; trial < 3; trial++) {
      if (this.#closed || (!this.#core && !this.#restart())) return undefined;
      const { generation } = this;
      try {
        this.#core!.enter(owner);
        const value = deliver(this.#core!);
        if (generation === this.generation) return value;
        // An input within this one trapped; what the old core did since then counts for nothing.
      } catch (cause) {
        if (generation === this.generation) {
          this.#core = undefined;
          this.#log("error", "the core has stopped on an error and starts again", cause);
          for (const live of concerned()) {
            live.traps += weight;
            if (live.traps >= LIMIT || trial > 0) this.#crash(live, cause);
          }
          if (!this.#core) this.#restart();
        }
      }
      this.wakeSoon(owner);
      if (!again()) return undefined;
    }
    return undefined;
  }

  wake(owner: number): void {
    const concerned = (): Live[] => [...this.tasks.values()].filter((live) => live.owner === owner);
    this.run(owner, concerned, (core) => core.wake(owner), { weight: WIDE });
  }

  /** Wakes in a microtask, so that what is aborted in the same tick sends nothing. */
  wakeSoon(owner: number): void {
    if (this.#waking.has(owner)) return;
    this.#waking.add(owner);
    queueMicrotask(() => {
      this.#waking.delete(owner);
      if (this.#core) this.wake(owner);
    });
  }

  /** Delivers what a call brought, unless a restart has dropped the call: then its owner has to look anew. */
  arrive(number: number, call: Call, deliver: (core: Core) => void): void {
    const current = (): boolean => this.calls.get(number) === call;
    if (!current()) return this.wakeSoon(call.owner);
    const live = this.tasks.get(call.task);
    const { generation } = this;
    this.run(call.owner, () => (live && this.tasks.has(live.number) ? [live] : []), deliver, { again: current });
    if (live && generation === this.generation) live.traps = 0;
    if (current()) this.calls.delete(number);
  }

  /** For inputs that concern no task or all of them alike. */
  everyone(): Live[] {
    return [...this.tasks.values()];
  }

  /** The live task that a key, or the key of one of its parts, belongs to. */
  byKey(key: string): Live | undefined {
    return this.#keys.get(key) ?? this.#keys.get(key.replace(/\.\d+$/, ""));
  }

  /** Ends all that is left. */
  close(owner: number): void {
    this.#within(owner, () => {
      const end = (core: Core): void => {
        core.close();
        for (const other of new Set(this.everyone().map((live) => live.owner))) core.wake(other);
        this.lastStatus = core.status();
      };
      if (this.#core) this.run(owner, () => [], end);
      this.#closed = true;
      this.generation++;
      this.#core = undefined;
      for (const live of this.everyone()) live.settle("cancelled", {});
      for (const call of this.calls.values()) if (this.here(call.owner)) call.controller.abort();
      this.calls.clear();
    });
  }

  #restart(): boolean {
    for (;;) {
      this.generation++;
      let suspect: Live | undefined;
      try {
        const core = (this.#core = this.#create(this.generation, this.lastCall + 1));
        core.enter(this.context ?? 0);
        for (const batch of this.paused) core.pause(batch, true);
        for (const [number, call] of [...this.calls]) {
          suspect = this.tasks.get(call.task);
          if (call.purpose === 0 && suspect) {
            core.adopt(number, call.task, call.part);
          } else {
            this.calls.delete(number);
            // A submit whose task is over stays on its way: to break it off would save nothing.
            if (call.purpose !== 0 && this.here(call.owner)) call.controller.abort();
          }
        }
        for (suspect of this.everyone()) {
          const { sent } = suspect;
          const records = [...suspect.records.values()].map((text) => {
            const record = JSON.parse(text) as { index: number };
            return sent.includes(record.index) ? text : JSON.stringify({ ...record, unsent: true });
          });
          this.name(suspect, suspect.register(core, records.join("\n")));
          for (const { owner } of suspect.followers ?? []) core.join(suspect.number, owner);
        }
        return true;
      } catch (cause) {
        this.#core = undefined;
        this.failure = cause;
        for (const live of suspect ? [suspect] : this.everyone()) this.#crash(live, cause);
        if (!suspect) return false;
      }
    }
  }

  #crash(live: Live, cause: unknown): void {
    const { ref, sent } = live;
    live.settle("failed", {
      code: "core-crashed",
      message: `the core has failed: ${cause instanceof Error ? cause.message : "unknown error"}`,
      billed: sent.length > 0 ? "unknown" : "no",
      ...(ref && { ref }),
      cause,
    });
    for (const [number, call] of [...this.calls]) if (call.task === live.number) this.calls.delete(number);
  }
}
