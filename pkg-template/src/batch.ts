import { ImageError, InvalidRequestError } from "./errors.js";
import type { LiveTask } from "./image-task.js";
import { batchShape, check, compact, refuse } from "./options.js";
import type { BatchItem, BatchOptions, ImageBatch } from "./types-batch.js";
import type { CallOptions, ImageResult } from "./types-image.js";

/** How many items run ahead of the consumer. */
const WINDOW = 256;

/** What a batch needs of its client. */
export interface BatchContext {
  readonly launch: (request: unknown, options: CallOptions) => LiveTask;
  readonly pause: (paused: boolean) => void;
  /** With so many items still to be handed in; negative if nothing is known. */
  readonly eta: (more: number) => number;
  /** For a batch that follows. */
  readonly another: () => BatchContext;
}

type Done<K> = IteratorResult<BatchItem<K>, undefined>;
type Item = Record<string, unknown>;
type End = { result: ImageResult } | { error: ImageError };
type Failure<K> = { item: Item; key: K; error: ImageError };

export class Batch<K> implements ImageBatch<K> {
  readonly #context: BatchContext;
  readonly #options: BatchOptions;
  /** What its items have of them. */
  readonly #shared: object;
  /** The keys of items that have none in themselves. */
  readonly #keys: readonly K[] | undefined;
  readonly #live = new Map<number, LiveTask>();
  readonly #used = new Set<string>();
  #failures: Failure<K>[] = [];
  /** Wrong options end the batch, as its one item that fails; the call does not throw. */
  #invalid: unknown;
  #source: AsyncIterator<unknown> | Iterator<unknown> | undefined;
  #total: number | undefined;
  #pulled = 0;
  #delivered = 0;
  #done = 0;
  #failed = 0;
  /** Nothing more is pulled. */
  #ended = false;
  /** The consumer has gone. */
  #left = false;
  #paused = false;
  #abort: { reason: unknown } | undefined;
  #room: (() => void) | undefined;
  #settled: ReturnType<ImageBatch<K>["settled"]> | undefined;
  readonly #ready: BatchItem<K>[] = [];
  /** Input order: what has come before its turn. */
  readonly #early = new Map<number, BatchItem<K>>();
  #turn = 0;
  readonly #waiters: ((done: Done<K>) => void)[] = [];
  #forget: (() => void) | undefined;

  constructor(context: BatchContext, requests: unknown, options: BatchOptions, keys?: readonly K[]) {
    this.#context = context;
    this.#keys = keys;
    this.#options = options;
    const { id: _, order: __, signal: ___, ...shared } = options ?? {};
    this.#shared = { download: true, priority: "batch", ...shared };
    try {
      check(options, batchShape);
    } catch (error) {
      this.#invalid = error;
    }
    if (Array.isArray(requests)) this.#total = requests.length;
    // One listener for all of its items.
    const { signal } = this.#invalid ? {} : options;
    const stop = (): void => this.abort(signal!.reason);
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
    this.#forget = () => signal?.removeEventListener("abort", stop);
    void this.#pump(requests);
  }

  get progress(): ImageBatch<K>["progress"] {
    const [done, failed] = [this.#done, this.#failed];
    let running = 0;
    for (const { step } of this.#live.values()) if (step.update.status !== "waiting") running++;
    const total = this.#ended ? this.#pulled : this.#total;
    const eta = this.#live.size && total !== undefined ? this.#context.eta(total - this.#pulled) : -1;
    return {
      ...(total !== undefined && { total }),
      done,
      failed,
      running,
      waiting: total === undefined ? this.#live.size - running : total - done - failed - running,
      ...(eta >= 0 && { etaMs: eta }),
    };
  }

  settled(): ReturnType<ImageBatch<K>["settled"]> {
    return (this.#settled ??= (async () => {
      const sorted: Awaited<ReturnType<ImageBatch<K>["settled"]>> = { ok: [], failed: [] };
      for await (const item of this) {
        if (item.ok) sorted.ok.push(item);
        else sorted.failed.push(item);
      }
      return sorted;
    })());
  }

  retryFailed(when = (error: ImageError): boolean => error.retryable && error.billed !== "unknown"): ImageBatch<K> {
    const again: Failure<K>[] = [];
    const rest: Failure<K>[] = [];
    for (const failure of this.#failures) (when(failure.error) ? again : rest).push(failure);
    this.#failures = rest;
    const items = again.map(({ item: { idempotencyKey: _, ...item } }) => item);
    const { id: _, ...options } = this.#options;
    return new Batch(
      this.#context.another(),
      items,
      options,
      again.map(({ key }) => key),
    );
  }

  pause(): void {
    this.#hold(true);
  }
  resume(): void {
    this.#hold(false);
  }

  abort(reason?: unknown): void {
    if (this.#abort) return;
    this.#abort = { reason };
    this.#end();
    try {
      // Not awaited: a source may be stuck in what it waits for.
      void Promise.resolve(this.#source?.return?.()).catch(() => {});
    } catch {
      // Its clean-up is its own affair.
    }
    for (const live of [...this.#live.values()]) live.release(reason);
    this.#room?.();
  }

  [Symbol.asyncIterator](): AsyncIterator<BatchItem<K>, undefined> {
    return {
      next: () =>
        new Promise((resolve) => {
          this.#waiters.push(resolve);
          this.#deliver();
        }),
      return: async () => {
        this.#left = true;
        this.#ready.length = 0;
        this.abort();
        this.#deliver();
        return { done: true, value: undefined };
      },
    };
  }

  #hold(paused: boolean): void {
    if (this.#paused === paused || this.#over) return;
    this.#paused = paused;
    this.#context.pause(paused);
    if (!paused) this.#room?.();
  }

  get #over(): boolean {
    return this.#ended && this.#live.size === 0;
  }

  async #pump(requests: unknown): Promise<void> {
    try {
      const given = requests as Partial<AsyncIterable<unknown> & Iterable<unknown>> | null | undefined;
      const async = given?.[Symbol.asyncIterator];
      // Once for all items, which can't be otherwise; and no source without an end is read to it.
      if (this.#invalid) throw this.#invalid;
      const source = async ? async.call(given) : given?.[Symbol.iterator]?.();
      if (!source || typeof requests === "string") refuse("requests", "must be an array or an iterable of requests");
      this.#source = source;
      while (!this.#abort) {
        while (!this.#abort && (this.#paused || this.#pulled - this.#delivered >= WINDOW)) {
          await new Promise<void>((resolve) => (this.#room = resolve));
        }
        if (this.#abort) break;
        const next = source.next();
        const { done, value } = async ? await next : (next as IteratorResult<unknown>);
        if (done || this.#abort) break;
        this.#begin(this.#pulled++, value);
      }
    } catch (cause) {
      const error = ImageError.is(cause)
        ? cause
        : new InvalidRequestError({ message: "The source of requests has failed.", param: "requests", cause });
      if (!this.#abort)
        this.#finish(this.#pulled++, {}, this.#keys?.[0] ?? ((this.#pulled - 1) as K), { error }, false);
    }
    this.#end();
  }

  #begin(index: number, value: unknown): void {
    const item = (typeof value === "object" && value !== null ? value : {}) as Item;
    const key = (this.#keys ? this.#keys[index] : (item["key"] ?? index)) as K;
    try {
      if (item !== value) refuse("request", "must be an object");
      const { key: _, idempotencyKey, tenant, weight, metadata, ...request } = item;
      const { id } = this.#options;
      const own = compact(
        { idempotencyKey: idempotencyKey ?? (id && this.#name(id, key)), tenant, weight, metadata },
        "weight",
      );
      const options = { ...this.#shared, ...own };
      const live = this.#context.launch(request, options as CallOptions);
      live.root.holders++;
      live.root.heard = true;
      this.#live.set(index, live);
      live.result.promise.then(
        (result) => this.#finish(index, item, key, { result }),
        (error: ImageError) => this.#finish(index, item, key, { error }),
      );
    } catch (cause) {
      const error = ImageError.is(cause)
        ? cause
        : new InvalidRequestError({ message: "the request could not be read", cause });
      this.#finish(index, item, key, { error });
    }
  }

  /** The same batch run again makes the same keys; encoded, for a header carries them and ids may hold the separator. */
  #name(id: string, key: unknown): string {
    if (typeof key !== "string" && typeof key !== "number")
      refuse("key", "must be a string or a number in a batch with an id");
    let name = "";
    try {
      name = `${encodeURIComponent(id)}:${encodeURIComponent(key)}`;
    } catch (cause) {
      refuse("key", "must be well-formed text", cause);
    }
    if (this.#used.has(name)) refuse("key", `is there twice in the batch: ${key}`);
    this.#used.add(name);
    return name;
  }

  #finish(index: number, item: Item, key: K, end: End, again = true): void {
    this.#live.delete(index);
    const ok = "result" in end;
    if (ok) this.#done++;
    else this.#failed++;
    if ("error" in end && again) this.#failures.push({ item, key, error: end.error });
    if (!this.#left) this.#early.set(index, { key, ok, ...end } as BatchItem<K>);
    if (this.#options?.order === "input") {
      for (let next; (next = this.#early.get(this.#turn)); this.#early.delete(this.#turn++)) this.#ready.push(next);
    } else {
      this.#ready.push(...this.#early.values());
      this.#early.clear();
    }
    this.#deliver();
  }

  #end(): void {
    this.#ended = true;
    this.#deliver();
  }

  #deliver(): void {
    while (this.#waiters.length > 0 && this.#ready.length > 0) {
      this.#delivered++;
      this.#waiters.shift()!({ done: false, value: this.#ready.shift()! });
      this.#room?.();
    }
    if (!this.#over) return;
    this.#forget?.();
    if (this.#paused) {
      this.#paused = false;
      this.#context.pause(false);
    }
    if (this.#ready.length === 0)
      for (const waiter of this.#waiters.splice(0)) waiter({ done: true, value: undefined });
  }
}
