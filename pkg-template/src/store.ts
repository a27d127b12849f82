import type { Log } from "./log.js";
import type { TaskStore } from "./types.js";

/** Whether it is JSON. What is torn or foreign is as good as none. */
const isWhole = (record: unknown): record is string => {
  try {
    JSON.parse(record as string);
    return typeof record === "string";
  } catch {
    return false;
  }
};

/** A store as the core needs it: in order for each key, and never throwing; a failure is told once and then borne. */
export class Journal {
  /** Without a store: records for as long as the client lives, durable as soon as they are here. */
  readonly #memory = new Map<string, string>();
  readonly #store: TaskStore | undefined;
  readonly #log: Log;
  /** What is being written for each owner: on Workers nothing may wait for another request's I/O. */
  readonly #tails = new Map<string, { owner: number; done: Promise<unknown> }>();
  #warned = false;

  constructor(store: TaskStore | undefined, log: Log) {
    this.#store = store;
    this.#log = log;
  }

  /** Whether it is durable now, or a promise of that. */
  put(owner: number, key: string, record: string): boolean | Promise<boolean> {
    const store = this.#store;
    if (store) return this.#queue(owner, key, () => store.put(key, record).then(() => true), false);
    this.#memory.set(key, record);
    return true;
  }
  remove(owner: number, key: string): void {
    const store = this.#store;
    if (store) void this.#queue(owner, key, () => store.delete(key), undefined);
    else this.#memory.delete(key);
  }
  /** The record, if it is JSON: as it was written, for a tree may be too deep for anybody but the core. */
  async load(owner: number, key: string): Promise<string | undefined> {
    const store = this.#store;
    const record = store
      ? await this.#queue(owner, key, () => store.get(key), undefined, false)
      : this.#memory.get(key);
    return isWhole(record) ? record : undefined;
  }
  /** Every record that is JSON, each a line; rejects with the store's own error. */
  async all(): Promise<string> {
    const records: string[] = [];
    for await (const [, record] of this.#store?.all() ?? [...this.#memory])
      if (isWhole(record)) records.push(record.replace(/[\r\n]/g, " "));
    return records.join("\n");
  }
  /** Resolves when nothing is being written any more for this owner. */
  async flush(owner: number): Promise<void> {
    await Promise.all([...this.#tails.values()].map((tail) => tail.owner === owner && tail.done));
  }

  #queue<T>(owner: number, key: string, operation: () => Promise<T>, otherwise: T, write = true): Promise<T> {
    const name = `${owner} ${key}`;
    const done = (this.#tails.get(name)?.done ?? Promise.resolve()).then(operation).catch((cause: unknown) => {
      if (!this.#warned) this.#log("warn", "the store fails, going on without it", cause);
      this.#warned = true;
      return otherwise;
    });
    // Reads hold up nobody.
    if (write) {
      this.#tails.set(name, { owner, done });
      void done.then(() => this.#tails.get(name)?.done === done && this.#tails.delete(name));
    }
    return done;
  }
}
