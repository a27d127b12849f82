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
  /** What is yet to be written or removed, or could not be: the store's own list is behind by that. */
  readonly #latest = new Map<string, string | undefined>();
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
    if (store) {
      this.#latest.set(key, record);
      const put = async (): Promise<boolean> => {
        // Whatever it returns: a store that answers at once is as good as one that promises to.
        await store.put(key, record);
        this.#written(key, record);
        return true;
      };
      return this.#queue(owner, key, "put", put, false);
    }
    this.#memory.set(key, record);
    return true;
  }
  remove(owner: number, key: string): void {
    const store = this.#store;
    if (!store) return void this.#memory.delete(key);
    this.#latest.set(key, undefined);
    const remove = async (): Promise<void> => {
      await store.delete(key);
      this.#written(key, undefined);
    };
    void this.#queue(owner, key, "delete", remove, undefined);
  }
  /** The record, if it is JSON: as it was written, for a tree may be too deep for anybody but the core. */
  async load(owner: number, key: string): Promise<string | undefined> {
    const store = this.#store;
    const record = store
      ? await this.#queue(owner, key, "get", async () => store.get(key), undefined)
      : this.#memory.get(key);
    return isWhole(record) ? record : undefined;
  }
  /** Every record that is JSON, each a line; rejects with the store's own error. */
  async all(): Promise<string> {
    const records = new Map<string, unknown>();
    // What is being removed may be gone before the list is read, and yet stand in it.
    const removed = [...this.#latest].filter(([, record]) => record === undefined);
    for await (const [key, record] of (await this.#store?.all()) ?? [...this.#memory]) records.set(key, record);
    for (const [key, record] of [...removed, ...this.#latest]) records.set(key, record);
    const whole = [...records.values()].filter(isWhole);
    return whole.map((record) => record.replace(/[\r\n]/g, " ")).join("\n");
  }
  /** Resolves when nothing is being written any more for this owner. */
  async flush(owner: number): Promise<void> {
    await Promise.all([...this.#tails.values()].map((tail) => tail.owner === owner && tail.done));
  }

  /** The store has what was last to be written under a key. */
  #written(key: string, record: string | undefined): void {
    if (this.#latest.get(key) === record) this.#latest.delete(key);
  }

  #queue<T>(owner: number, key: string, verb: string, operation: () => Promise<T>, otherwise: T): Promise<T> {
    const name = `${owner} ${key}`;
    const done = (this.#tails.get(name)?.done ?? Promise.resolve()).then(operation).catch((cause: unknown) => {
      if (!this.#warned) this.#log("warn", "the store fails, going on without it", cause);
      this.#warned = true;
      return otherwise;
    });
    // Reads hold up nobody.
    if (verb !== "get") {
      this.#tails.set(name, { owner, done });
      void done.then(() => this.#tails.get(name)?.done === done && this.#tails.delete(name));
    }
    return done;
  }
}
