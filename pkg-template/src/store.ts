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
  readonly #tails = new Map<string, Promise<unknown>>();
  #warned = false;

  constructor(store: TaskStore, log: Log) {
    this.#store = store;
    this.#log = log;
  }

  /** Whether it is durable now. */
  put(key: string, record: string): Promise<boolean> {
    return this.#queue(key, () => this.#store.put(key, record).then(() => true), false);
  }
  remove(key: string): void {
    void this.#queue(key, () => this.#store.delete(key), undefined);
  }
  /** The parsed record, or undefined. */
  load(key: string): Promise<unknown> {
    return this.#queue(key, () => this.#store.get(key), undefined, false).then(parse);
  }
  /** Every parsed record; rejects with the store's own error. */
  async all(): Promise<unknown[]> {
    const records: unknown[] = [];
    for await (const [, record] of this.#store.all()) records.push(parse(record));
    return records.filter((record) => record !== undefined);
  }
  /** Resolves when nothing is being written any more. */
  async flush(): Promise<void> {
    await Promise.all(this.#tails.values());
  }

  #queue<T>(key: string, operation: () => Promise<T>, otherwise: T, write = true): Promise<T> {
    const done = (this.#tails.get(key) ?? Promise.resolve()).then(operation).catch((cause: unknown) => {
      const name = cause instanceof Error ? cause.name : typeof cause;
      if (!this.#warned) this.#log("warn", `the store fails, going on without it (${name})`);
      this.#warned = true;
      return otherwise;
    });
    // Reads hold up nobody.
    if (write) {
      this.#tails.set(key, done);
      void done.then(() => this.#tails.get(key) === done && this.#tails.delete(key));
    }
    return done;
  }
}
