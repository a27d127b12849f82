import { ImageError, InvalidRequestError, toError } from "./errors.js";
import type { End, LiveTask } from "./image-task.js";
import { batchShape, check, compact, refuse } from "./options.js";
import type { BatchItem, BatchOptions, ImageBatch } from "./types-batch.js";
import type { CallOptions } from "./types-image.js";
import type { TaskRef } from "./types-task.js";

/** How many items run ahead of the consumer. */
const WINDOW = 256;

/** What a batch needs of its client. */
export interface BatchContext {
  readonly launch: (request: unknown, options: CallOptions) => LiveTask;
  readonly resume: (ref: TaskRef, options: CallOptions) => LiveTask;
  /** One more, or one less, is about to hand in items. */
  readonly pulls: (more: 1 | -1) => void;
  readonly pause: (paused: boolean) => void;
  /** With so many items still to be handed in; negative if nothing is known. */
  readonly eta: (more: number) => number;
  /** For a batch that follows. */
  readonly another: () => BatchContext;
}

type Done<K> = IteratorResult<BatchItem<K>, undefined>;
/** An item, and its task if its result is to be taken with it. */
type Ready<K> = { item: BatchItem<K>; live: LiveTask | undefined };
/** Reads a batch. What it is given counts as taken, unless it keeps that for later. */
type Reader<K> = AsyncIterator<BatchItem<K>, undefined> & { kept?: LiveTask[] };
type Waiter<K> = { reader: Reader<K>; resolve: (done: Done<K>) => void };
type Item = Record<string, unknown>;
type Failure<K> = { item: Item; key: K; error: ImageError };

export class Batch<K> implements ImageBatch<K> {
  readonly #context: BatchContext;
  readonly #options: BatchOptions;
  /** What its items have of them. */
  readonly #shared: object;
  /** What it tries once more. */
  readonly #again: readonly Failure<K>[] | undefined;
  readonly #live = new Map<number, { live: LiveTask; end: (end: End) => void }>();
  readonly #used = new Set<unknown>();
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
  /** Who reads it now. */
  #reader: Reader<K> | undefined;
  #paused = false;
  #abort: { reason: unknown } | undefined;
  #room: (() => void) | undefined;
  #settled: ReturnType<ImageBatch<K>["settled"]> | undefined;
  readonly #ready: Ready<K>[] = [];
  /** Input order: what has come before its turn. */
  readonly #early = new Map<number, Ready<K>>();
  #turn = 0;
  readonly #waiters: Waiter<K>[] = [];
  #forget: (() => void) | undefined;

  constructor(context: BatchContext, requests: unknown, options: BatchOptions, again?: readonly Failure<K>[]) {
    this.#context = context;
    this.#again = again;
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
    for (const { live } of this.#live.values()) if (live.step.update.status !== "waiting") running++;
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
      // Nobody has any of it before all of it is there.
      const kept: LiveTask[] = [];
      const reader = this.#read(kept);
      try {
        for (let next; !(next = await reader.next()).done;) {
          if (next.value.ok) sorted.ok.push(next.value);
          else sorted.failed.push(next.value);
        }
      } catch (error) {
        this.#settled = undefined;
        throw error;
      }
      for (const live of kept) live.take();
      return sorted;
    })());
  }

  retryFailed(when = mayRetry): ImageBatch<K> {
    const again: Failure<K>[] = [];
    const rest: Failure<K>[] = [];
    for (const failure of this.#failures) (when(failure.error) ? again : rest).push(failure);
    this.#failures = rest;
    const items = again.map(({ item: { idempotencyKey: _, ...item } }) => item);
    const { id: _, ...options } = this.#options;
    return new Batch(this.#context.another(), items, options, again);
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
    for (const { live, end } of [...this.#live.values()]) {
      // What its provider has goes on, for whoever resumes it; for this batch it is over.
      if (live.leave(reason)) end({ error: toLeft(live, reason) });
    }
    this.#room?.();
  }

  [Symbol.asyncIterator](): AsyncIterator<BatchItem<K>, undefined> {
    return this.#read();
  }

  #read(kept?: LiveTask[]): Reader<K> {
    const reader: Reader<K> = {
      ...(kept && { kept }),
      next: () =>
        new Promise((resolve, reject) => {
          if ((this.#reader ??= reader) !== reader) {
            const message =
              "this batch is being read already, by a loop or by settled(): two readers would have a part of it each";
            reject(new InvalidRequestError({ message, param: "batch" }));
            return;
          }
          this.#waiters.push({ reader, resolve });
          this.#deliver();
        }),
      return: async () => {
        if (this.#reader === reader || !this.#reader) {
          this.#reader = undefined;
          for (const waiter of this.#waiters.splice(0)) waiter.resolve({ done: true, value: undefined });
          this.abort();
        }
        return { done: true, value: undefined };
      },
    };
    return reader;
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
    this.#context.pulls(1);
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
          this.#context.pulls(-1);
          await new Promise<void>((resolve) => (this.#room = resolve));
          this.#context.pulls(1);
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
      if (!this.#abort) this.#finish(this.#pulled++, {}, (this.#pulled - 1) as K, { error }, undefined, false);
    }
    this.#context.pulls(-1);
    this.#end();
  }

  #begin(index: number, value: unknown): void {
    const item = (typeof value === "object" && value !== null ? value : {}) as Item;
    const again = this.#again?.[index];
    const key = again ? again.key : ((item["key"] ?? index) as K);
    try {
      if (item !== value) refuse("request", "must be an object");
      const { key: _, idempotencyKey, tenant, weight, metadata, ...request } = item;
      const { id } = this.#options;
      if (!id && !again && item["key"] !== undefined) this.#use(key, key);
      const own = compact(
        { idempotencyKey: idempotencyKey ?? (id && this.#name(id, key)), tenant, weight, metadata },
        "weight",
      );
      const options = { ...this.#shared, ...own };
      const { ref, billed } = again?.error ?? {};
      // What is paid for, or may be, is fetched and not bought again.
      const live =
        ref && billed !== "no"
          ? this.#context.resume(ref, options as CallOptions)
          : this.#context.launch(request, options as CallOptions);
      const end = (end: End): void => {
        if (this.#live.has(index)) this.#finish(index, item, key, end, live);
      };
      live.root.holders++;
      live.root.heard = true;
      this.#live.set(index, { live, end });
      live.onEnd(end);
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
    this.#use(name, key);
    return name;
  }

  #use(name: unknown, key: unknown): void {
    if (this.#used.has(name)) refuse("key", `is there twice in the batch: ${String(key)}`);
    this.#used.add(name);
  }

  #finish(index: number, item: Item, key: K, end: End, live?: LiveTask, again = true): void {
    this.#live.delete(index);
    const ok = "result" in end;
    if (ok) this.#done++;
    else this.#failed++;
    if ("error" in end && again) this.#failures.push({ item, key, error: end.error });
    this.#early.set(index, { item: { key, ok, ...end } as BatchItem<K>, live: ok ? live : undefined });
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
      const { reader, resolve } = this.#waiters.shift()!;
      const { item, live } = this.#ready.shift()!;
      resolve({ done: false, value: item });
      if (live && reader.kept) reader.kept.push(live);
      else live?.take();
      this.#room?.();
    }
    if (!this.#over) return;
    this.#forget?.();
    if (this.#paused) {
      this.#paused = false;
      this.#context.pause(false);
    }
    if (this.#ready.length > 0) return;
    if (this.#waiters.length > 0) this.#reader = undefined;
    for (const { resolve } of this.#waiters.splice(0)) resolve({ done: true, value: undefined });
  }
}

/** What is paid for is fetched again at no cost; what is not may be bought again. Nobody knows about the rest. */
const mayRetry = ({ retryable, billed, ref }: ImageError): boolean =>
  billed === "yes" ? ref !== undefined : retryable && billed !== "unknown";

const toLeft = ({ ref }: LiveTask, cause: unknown): ImageError =>
  toError({
    code: "cancelled",
    message: "the batch was left; the provider has the task, which goes on: `resume` gets what comes of it",
    billed: "unknown",
    ...(ref && { ref }),
    ...(cause !== undefined && { cause }),
  });
