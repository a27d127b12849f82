/// <reference lib="esnext.disposable" preserve="true" />
import type { BatchOptions, BatchRequest, ImageBatch, Source } from "./types-batch.js";
import type { Bytes, Fetch } from "./types-host.js";
import type { CallOptions, Conversion, ImageRequest, ImageTask, RetryPolicy, TaskUpdate } from "./types-image.js";
import type { ClientStatus, KeyReport, LaneStatus, Limits, ProbeOptions, ProbeReport } from "./types-limits.js";
import type { Axis, TaskRef } from "./types-task.js";

/** How a provider is reached and paid. */
export interface ProviderOptions {
  /**
   * A key, or a function that returns one (asked again after a 401). Never logged, never given to the core, never sent to an origin other than the
   * provider's own. Needs `dangerouslyAllowBrowser` in a browser page. Given as `undefined` it throws: a missing environment variable should be seen.
   */
  apiKey?: string | (() => string | Promise<string>);
  /** The provider's address, or that of your own proxy that adds the key (leave `apiKey` out). https, or http on a loopback address. */
  baseURL?: string | URL | undefined;
  /** Plain http to a host that is not loopback: in a cluster or a compose file, never over the open net, where anybody on the way reads the key. @default false */
  allowInsecure?: boolean | undefined;
  /** Sent along with every request to the provider; never to where images are fetched from. */
  headers?: Record<string, string> | undefined;
  /** US dollars an image, by model. */
  prices?: Record<string, number> | undefined;
  /** Keys with the same account share its quota: more keys are not more room. @default the key */
  account?: string | undefined;
  /** Known limits of this key. Whatever is left out is learned. */
  limits?: Limits | undefined;
}

/** Opaque; alone it is named after its function: "hiapi". */
export interface Provider {
  readonly "~tidegate": "provider";
}

/** Where the log goes; `console` is one. */
export interface Logger {
  error(...parts: unknown[]): void;
  warn(...parts: unknown[]): void;
  info(...parts: unknown[]): void;
  debug(...parts: unknown[]): void;
}

/**
 * The journal. Keys are idempotency keys; a record never holds a credential. Methods may answer at once instead of with a promise. A store that throws, or
 * has not answered for ten seconds, is told of in the log with its error, and done without until it answers again: what is submitted meanwhile is never paid
 * twice by this process, but no other would find it.
 */
export interface TaskStore {
  /** The record under `key`, or undefined. */
  get(key: string): Promise<string | undefined>;
  /** Resolves only when the record is durable. */
  put(key: string, record: string): Promise<void>;
  /** Forgets the record under `key`; fine if there is none. */
  delete(key: string): Promise<void>;
  /** Every record. */
  all(): AsyncIterable<[key: string, record: string]>;
  /**
   * Atomic: stores `record` if `key` is free and resolves to null, else resolves to what is there. Not asked for yet, so two processes must not
   * share a store.
   */
  claim?(key: string, record: string): Promise<string | null>;
}

/** Everything that `createClient` takes. */
export interface ClientOptions {
  /** One provider, or several by name: `{ hiapi: hiapi({ apiKey }), proxy: hiapi({ baseURL }) }`. */
  providers: Provider | Record<string, Provider>;
  retry?: RetryPolicy | undefined;
  /** One HTTP attempt, in ms. @default 60_000; of a submit whose answer is the image, the rest of `deadline` */
  timeout?: number | undefined;
  /** One image, from its first submit to its result, in ms; waiting for a permit doesn't count. On expiry the task stays resumable. @default 600_000 */
  deadline?: number | undefined;
  /**
   * The longest wait in this client's own queue, in ms; whoever hits it gets a QueueTimeoutError. A key that is refused again and again while it holds nothing
   * fails its waiters sooner, as "rate-limited"; an interactive call ends at once where a server's hint or the day's reset lies beyond `retry.maxRetryAfter`.
   * @default Infinity
   */
  maxWait?: number | undefined;
  /** Where unfinished tasks live. @default "auto": memory (said once in the log when a batch starts on it) */
  store?: "auto" | "memory" | TaskStore | undefined;
  /** @default the global fetch, looked up at each call */
  fetch?: Fetch | undefined;
  /** Does the work of `Image.convert` where the host has no codecs (Node, Workers), or in their place. */
  converter?: ((bytes: Bytes, to: Conversion) => Promise<Bytes>) | undefined;
  /** @default console */
  logger?: Logger | undefined;
  /**
   * "warn": what costs images or goes unheard (a failure that nobody listened to). "info": besides, a line for each try that failed, with method, address,
   * what happened, which try of how many, and when it goes out again. "debug": besides, a line for each request. @default "warn"
   */
  logLevel?: "off" | "error" | "warn" | "info" | "debug" | undefined;
  /** A key in a page can be read by whoever opens it; say that you mean it. @default false */
  dangerouslyAllowBrowser?: boolean | undefined;
  /** For tests: reproducible jitter and a clock of your own. Not the seed of images. */
  testing?: { seed?: number | undefined; clock?: Clock | undefined } | undefined;
}

/** A clock for tests; `setTimeout` returns what cancels it. */
export interface Clock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Milliseconds since the epoch, for what lasts: dates, expiries, budgets of a day. @default Date.now */
  wall?(): number;
  setTimeout(callback: () => void, ms: number): () => void;
}

/** What `on` tells. */
export interface ClientEvents {
  update: { idempotencyKey: string; update: TaskUpdate; tenant?: string; metadata?: Record<string, string> };
  refusal: { lane: string; axis: Axis; retryAfterMs?: number; requestId?: string };
  limit: LaneStatus;
  http: { method: string; url: string; status?: number; ms: number; requestId?: string };
}

/** One gate to all of your providers. */
export interface Client {
  /**
   * Await it for the result, or hold it as a live handle. Starts at once (aborted in the same tick: nothing is sent); never throws in the call. An
   * `idempotencyKey` that this client or its store knows is that same task, not a second image; with another request it is an InvalidRequestError.
   * Its result stays in `pending()` until somebody takes it: awaits it, watches it to its end, or resumes it. Unawaited, it raises no unhandledrejection; a
   * failure that nobody listens to (by then, catch, iteration, `state`, `ref` or "update") is one warning in the log. Not to be returned from an async
   * function: that awaits it.
   */
  generate(request: ImageRequest, options?: CallOptions): ImageTask;
  /** Resolves as soon as a provider has accepted; the ref is plain JSON, safe to store or to send elsewhere. Unawaited, as `generate`. */
  submit(request: ImageRequest, options?: CallOptions): Promise<TaskRef>;
  /**
   * Reattach: after a reload, on another machine, from a webhook (`{ provider, taskId }`), by idempotency key (a string, through the store). A task
   * already running here is joined. A ref is input: its `url` is trusted no more than a server's.
   */
  resume(ref: TaskRef | { provider: string; taskId: string } | string, options?: CallOptions): ImageTask;
  /**
   * Tasks that are unfinished, those running here included (`resume` joins them), or that finished and whose results nobody has taken: `resume` delivers
   * them, from memory in the process that made them, else from the provider or the image's address. What can't be had any more ends as `expired`, billed
   * "yes". An entry goes when its result is taken, when its image's address dies, or a day after its end. Rejects with the store's own error where it
   * cannot be read.
   */
  pending(): Promise<TaskRef[]>;
  /** Many images within the limits; never rejects as a whole. Async iterables are pulled with back-pressure. Without keys the index is the key. */
  batch(requests: Source<ImageRequest & { key?: undefined }>, options?: BatchOptions): ImageBatch<number>;
  batch<const K>(requests: Source<BatchRequest<K>>, options?: BatchOptions): ImageBatch<K>;
  /**
   * Is this key healthy, and if not, which of 401, 403, money or a limit is it? Sends at most a list request, which is free, and nothing at all while the
   * key is in a cooldown. Never rejects for what is wrong with a key; where only a paid call could tell, `ok` is undefined and `advice` says so.
   *
   * @param provider its name in `providers`; by default the first
   * @throws InvalidRequestError for a name that is none of `providers`
   */
  check(provider?: string | undefined): Promise<KeyReport>;
  /**
   * Find the concurrency ceiling of a key by real submissions: they are billed, and `max` and `budget` bound them. It takes as many images as the key takes
   * at once, and one more to be sure unless the provider names the limit that refuses. What is unsent at the end is taken back.
   *
   * @throws BudgetError where one image costs more than the budget, InvalidRequestError where the price is unknown (`prices`) or the limit is told
   */
  probe(request: ImageRequest, options: ProbeOptions): Promise<ProbeReport>;
  /** Returns what stops it. A listener that throws is told in the log, with its error. */
  on<E extends keyof ClientEvents>(
    event: E,
    listener: (event: ClientEvents[E]) => void,
    options?: { signal?: AbortSignal | undefined },
  ): () => void;
  /** What the client believes now: caps, cooldowns, queue lengths. Plain JSON. Of a closed client: what it believed last. */
  status(): ClientStatus;
  /** Resolves once nothing waits or runs any more; what comes meanwhile counts. `close()` after it loses nobody's place. */
  drain(): Promise<void>;
  /**
   * Submits nothing more and lets go: what waits ends as "cancelled", what was accepted stays in the store. `drain()` first to lose nobody's place. A
   * process with nothing in flight exits without it.
   */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
