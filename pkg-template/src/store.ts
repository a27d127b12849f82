import type { Log } from "./log.js";
import type { TaskStore } from "./types.js";

/** Records for as long as the client lives. */
export function memoryStore(): TaskStore {
  const records = new Map<string, string>();
  return {
    get: async (key) => records.get(key),
    put: async (key, record) => void records.set(key, record),
    delete: async (key) => void records.delete(key),
    async *all() {
      yield* [...records];
    },
  };
}

const parse = (record: string | undefined): unknown => {
  try {
    return record === undefined ? undefined : JSON.parse(record);
  } catch {
    return undefined; // Torn or foreign: as good as none.
  }
};

/** A store as the core needs it: in order for each key, and never throwing; a failure is told once and then borne. */
export class Journal {
  readonly #store: TaskStore;
  readonly #log: Log;
  /** What is being written for each owner: on Workers nothing may wait for another request's I/O. */
  readonly #tails = new Map<string, { owner: number; done: Promise<unknown> }>();
  #warned = false;

  constructor(store: TaskStore, log: Log) {
    this.#store = store;
    this.#log = log;
  }

  /** Whether it is durable now. */
  put(owner: number, key: string, record: string): Promise<boolean> {
    return this.#queue(owner, key, () => this.#store.put(key, record).then(() => true), false);
  }
  remove(owner: number, key: string): void {
    void this.#queue(owner, key, () => this.#store.delete(key), undefined);
  }
  /** The parsed record, or undefined. */
  load(owner: number, key: string): Promise<unknown> {
    return this.#queue(owner, key, () => this.#store.get(key), undefined, false).then(parse);
  }
  /** Every parsed record; rejects with the store's own error. */
  async all(): Promise<unknown[]> {
    const records: unknown[] = [];
    for await (const [, record] of this.#store.all()) records.push(parse(record));
    return records.filter((record) => record !== undefined);
  }
  /** Resolves when nothing is being written any more for this owner. */
  async flush(owner: number): Promise<void> {
    await Promise.all([...this.#tails.values()].map((tail) => tail.owner === owner && tail.done));
  }

  #queue<T>(owner: number, key: string, operation: () => Promise<T>, otherwise: T, write = true): Promise<T> {
    const name = `${owner} ${key}`;
    const done = (this.#tails.get(name)?.done ?? Promise.resolve()).then(operation).catch((cause: unknown) => {
      const name = cause instanceof Error ? cause.name : typeof cause;
      if (!this.#warned) this.#log("warn", `the store fails, going on without it (${name})`);
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
