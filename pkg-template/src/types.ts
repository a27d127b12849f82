/// <reference lib="esnext.disposable" preserve="true" />
import type { BatchOptions, BatchRequest, ImageBatch, Source } from "./types-batch.js";
import type { ErrorCode, ImageError, RateLimitError } from "./errors.js";
import type { ClientStatus, KeyReport, LaneStatus, Limits, ProbeOptions, ProbeReport } from "./types-limits.js";

// Where neither the DOM library nor a host's own types are there, these names exist all the same; where they are, empty declarations add nothing.
declare global {
  interface AbortSignal {}
  interface Blob {}
  interface Response {}
  interface URL {}
}

/** What the host's own fetch takes; a function type alone, for hosts add members to theirs and a mock has none. */
type FetchParameters = typeof globalThis extends { fetch: (...parameters: infer P) => unknown }
  ? P
  : [input: any, init?: any];
/** A `fetch` of your own: for a proxy, for instrumentation, for tests. */
export type Fetch = (...parameters: FetchParameters) => Promise<Response>;

/** Bytes of an image: a `Uint8Array`, with an `ArrayBuffer` behind it where TypeScript can say so. */
export type Bytes = ReturnType<typeof Uint8Array.of>;

/** How a provider is reached and paid. */
export interface ProviderOptions {
  /**
   * A key, or a function that returns one (asked again after a 401). Never logged, never given to the core, never sent to an origin other than the
   * provider's own. Needs `dangerouslyAllowBrowser` in a browser page. Given as `undefined` it throws: a missing environment variable should be seen.
   */
  apiKey?: string | (() => string | Promise<string>);
  /** The provider's address, or that of your own proxy that adds the key (leave `apiKey` out). https, or http on a loopback address. */
  baseURL?: string | URL | undefined;
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

/** How often and how soon to try again. */
export interface RetryPolicy {
  /** Transient faults (5xx, network) of one target. A refusal (429) spends none: the task keeps its place. @default 5 */
  maxRetries?: number | undefined;
  /** How many refusals one task may meet before it fails; by default `maxWait` bounds them. @default Infinity */
  maxRateLimitRetries?: number | undefined;
  /** Full jitter: random(0, min(cap, base · 2ⁿ)), in ms. @default 1_000 */
  base?: number | undefined;
  /** The most that one backoff may take, in ms. @default 30_000 */
  cap?: number | undefined;
  /** The longest server-asked wait to honour, in ms; beyond it: fail with `retryAfterMs`. Never earlier. @default what is left of `maxWait` */
  maxRetryAfter?: number | undefined;
  /** A submit whose outcome is unknown (lost answer): send again? @default "if-idempotent" */
  ambiguous?: "never" | "if-idempotent" | "always" | undefined;
}

/** Where the log goes; `console` is one. */
export interface Logger {
  error(...parts: unknown[]): void;
  warn(...parts: unknown[]): void;
  info(...parts: unknown[]): void;
  debug(...parts: unknown[]): void;
}

/** The journal. Keys are idempotency keys; a record never holds a credential. */
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

/** What an image is turned into by `Image.convert`. */
export interface Conversion {
  /** @default the format that it has */
  format?: "png" | "jpeg" | "webp" | undefined;
  /** In pixels; alone, the height follows. */
  width?: number | undefined;
  /** In pixels; alone, the width follows. */
  height?: number | undefined;
  /** How the picture meets a box of another shape. @default "cover" */
  fit?: "cover" | "contain" | "fill" | undefined;
  /** Of lossy formats, 0 to 1. @default the host's */
  quality?: number | undefined;
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
  /** The longest wait for a permit, in ms. @default 600_000 interactive, Infinity batch */
  maxWait?: number | undefined;
  /** Where unfinished tasks live. @default "auto": memory (said once in the log when a batch starts on it) */
  store?: "auto" | "memory" | TaskStore | undefined;
  /** @default the global fetch, looked up at each call */
  fetch?: Fetch | undefined;
  /** Does the work of `Image.convert` where the host has no codecs (Node, Workers), or in their place. */
  converter?: ((bytes: Bytes, to: Conversion) => Promise<Bytes>) | undefined;
  /** @default console */
  logger?: Logger | undefined;
  /** @default "warn" */
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
  setTimeout(callback: () => void, ms: number): () => void;
}

/**
 * A string is an https or data URL (never a path, never bare base64). An `Image` of an earlier result may be edited on. Where a provider takes files, an
 * address is fetched from here, without credentials, and must be of a public host: what users name must not reach into a server's own network.
 */
export type ImageInput = string | URL | Blob | Uint8Array | Image;

/** What is asked for. */
export interface ImageRequest {
  /** "provider/model" if what precedes the first "/" is a name in `providers`; else a model of the first of `providers` that offers it. */
  model: string;
  prompt: string;
  /** How many images. @default 1 */
  n?: number | undefined;
  /** "1024x1024" or "auto"; a plain string, since it comes from forms and files; checked before anything is sent. */
  size?: `${number}x${number}` | "auto" | (string & {}) | undefined;
  /** "16:9". */
  aspectRatio?: `${number}:${number}` | (string & {}) | undefined;
  seed?: number | undefined;
  format?: "png" | "jpeg" | "webp" | undefined;
  quality?: "auto" | "low" | "medium" | "high" | (string & {}) | undefined;
  background?: "auto" | "opaque" | "transparent" | undefined;
  negativePrompt?: string | undefined;
  /** Pictures to edit or to follow. */
  images?: ImageInput[] | undefined;
  /** What of the first picture to repaint. */
  mask?: ImageInput | undefined;
  /** Passed through untouched, by provider name. */
  providerOptions?: Record<string, Record<string, unknown>> | undefined;
  /** A field that a target can't honour: reject before paying, or drop it and say so in `warnings`. @default "reject" */
  unsupported?: "reject" | "warn" | undefined;
}

/** How one image is made. */
export interface CallOptions {
  /**
   * Rejects with signal.reason, as fetch does, and cancels: what was not sent never is; what was accepted is cancelled where the provider can, else it
   * stays in `pending()`, for it is billed. To stop watching only, just stop.
   */
  signal?: AbortSignal | undefined;
  /** One HTTP attempt, in ms. @default the client's */
  timeout?: number | undefined;
  /** From the first submit to the result, in ms. @default the client's */
  deadline?: number | undefined;
  /** The longest wait for a permit, in ms. @default the client's */
  maxWait?: number | undefined;
  retry?: RetryPolicy | undefined;
  /** Fetch the bytes before the URL expires. @default true in a batch, else false */
  download?: boolean | undefined;
  /** Made once per image, before anything is sent, and kept across retries, reloads and machines. */
  idempotencyKey?: string | undefined;
  /** @default "interactive" for generate, "batch" for batch */
  priority?: "interactive" | "batch" | undefined;
  /** Tenants of one key share it fairly. */
  tenant?: string | undefined;
  /** The share of this tenant. @default 1 */
  weight?: number | undefined;
  /** Echoed in events, refs and results. */
  metadata?: Record<string, string> | undefined;
}

/** A provider, by its name in `providers`, and one of its models. */
export interface Target {
  provider: string;
  model: string;
}

/** Why another target was tried. */
export type FallbackReason = "outage" | "rate-limit" | "unavailable" | "content-filter" | "auth" | "quota" | "empty";

/** Where a task stands. */
export type TaskUpdate =
  | {
      status: "waiting";
      reason: "concurrency" | "window" | "cooldown" | "day" | "budget" | "paused";
      ahead: number;
      until?: number;
      /**
       * Until it should be over; absent before anything is learned of its model. Told anew when it is not what was said, by 5 s and by a quarter; of those who wait
       * the first 256 hear it.
       */
      etaMs?: number;
    }
  | { status: "submitting"; target: Target; attempt: number }
  | {
      status: "queued" | "processing";
      ref: TaskRef;
      position?: number;
      /** 0 to 1 */
      progress?: number;
      etaMs?: number;
      /** Past the learned p99 of its model. */
      late?: true;
    }
  | { status: "rerouting"; from: Target; to: Target; because: FallbackReason; error: ImageError }
  | { status: "succeeded"; result: ImageResult }
  | { status: "failed"; error: ImageError }
  | { status: "cancelled" };

/** A promise that you can also watch. Not to be returned from an async function: that awaits it. */
export interface ImageTask extends Promise<ImageResult> {
  /** Known at once. */
  readonly idempotencyKey: string;
  /** The latest update. */
  readonly state: TaskUpdate;
  /** Resolves on acceptance. */
  ref(): Promise<TaskRef>;
  /** The task then rejects with CancelledError (whose `cause` is the reason), unless it is "too-late". */
  cancel(reason?: unknown): Promise<"before-submit" | "confirmed" | "too-late" | "unsupported">;
  /** The latest update first, then each as it comes, up to the one that ends the task. */
  [Symbol.asyncIterator](): AsyncIterator<TaskUpdate>;
}

/** What finds a task again. Plain JSON. `n` by fan-out makes several parts. */
export interface TaskRef {
  v: 1;
  idempotencyKey: string;
  parts: TaskPart[];
  metadata?: Record<string, string>;
}
/** One provider's task within a `TaskRef`. */
export interface TaskPart {
  index: number;
  provider: string;
  model: string;
  taskId?: string;
  url?: string;
  idempotencyKey: string;
  submittedAt?: number;
}

/** What came. */
export interface ImageResult {
  /** The first of `images`. */
  image: Image;
  images: Image[];
  /** Who answered. */
  provider: string;
  model: string;
  /** What was asked for. */
  requestedModel: string;
  requestId?: string;
  taskId?: string;
  metadata?: Record<string, string>;
  usage?: Record<string, number>;
  /** Each submit and refusal, with its delay and its cause. */
  attempts: Attempt[];
  warnings: Warning[];
  /** n > 1: what is missing, never at the price of what arrived. */
  failures: { index: number; error: ImageError }[];
  timing: { waitedMs: number; queuedMs: number; ranMs: number; polls: number };
}

/** One picture. Its bytes are fetched when they are asked for, once. */
export interface Image {
  readonly mediaType: string;
  readonly url?: string;
  readonly expiresAt?: number;
  readonly width?: number;
  readonly height?: number;
  readonly seed?: number;
  /** The prompt that was used in place of yours. */
  readonly revisedPrompt?: string;
  /** Fetched once, with retries and without credentials; checked to be an image. */
  bytes(): Promise<Bytes>;
  blob(): Promise<Blob>;
  base64(): Promise<string>;
  dataURL(): Promise<string>;
  /**
   * One format and size whoever answered, by the host's codecs (OffscreenCanvas) or `ClientOptions.converter`; rejects with InvalidRequestError where
   * there are none.
   */
  convert(to: Conversion): Promise<Image>;
}

/** One submit and its answer. */
export interface Attempt {
  target: Target;
  at: number;
  outcome: "accepted" | "refused" | "failed" | "unknown";
  code?: ErrorCode;
  axis?: RateLimitError["axis"];
  status?: number;
  requestId?: string;
  waitedMs?: number;
}
/** What was left out or changed, and why. */
export interface Warning {
  code: string;
  message: string;
  field?: string;
}

/** What `on` tells. */
export interface ClientEvents {
  update: { idempotencyKey: string; update: TaskUpdate; tenant?: string; metadata?: Record<string, string> };
  refusal: { lane: string; axis: RateLimitError["axis"]; retryAfterMs?: number; requestId?: string };
  limit: LaneStatus;
  http: { method: string; url: string; status?: number; ms: number; requestId?: string };
}

/** One gate to all of your providers. */
export interface Client {
  /**
   * Await it for the result, or hold it as a live handle. Starts at once (aborted in the same tick: nothing is sent); never throws in the call. An
   * `idempotencyKey` that this client or its store knows is that same task, not a second image. Unawaited, it raises no unhandledrejection.
   * Not to be returned from an async function: that awaits it.
   */
  generate(request: ImageRequest, options?: CallOptions): ImageTask;
  /** Resolves as soon as a provider has accepted; the ref is plain JSON, safe to store or to send elsewhere. */
  submit(request: ImageRequest, options?: CallOptions): Promise<TaskRef>;
  /**
   * Reattach: after a reload, on another machine, from a webhook (`{ provider, taskId }`), by idempotency key (a string, through the store). A task
   * already running here is joined. A ref is input: its `url` is trusted no more than a server's.
   */
  resume(ref: TaskRef | { provider: string; taskId: string } | string, options?: CallOptions): ImageTask;
  /** Unfinished tasks in the store, those running here included (`resume` joins them). Rejects with the store's own error where it cannot be read. */
  pending(): Promise<TaskRef[]>;
  /** Many images within the limits; never rejects as a whole. Async iterables are pulled with back-pressure. Without keys the index is the key. */
  batch(requests: Source<ImageRequest & { key?: undefined }>, options?: BatchOptions): ImageBatch<number>;
  batch<const K>(requests: Source<BatchRequest<K>>, options?: BatchOptions): ImageBatch<K>;
  /** Returns what stops it. A listener that throws is told in the log. */
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
  on<E extends keyof ClientEvents>(
    event: E,
    listener: (event: ClientEvents[E]) => void,
    options?: { signal?: AbortSignal | undefined },
  ): () => void;
  /** What the client believes now: caps, cooldowns, queue lengths. Plain JSON. */
  status(): ClientStatus;
  /**
   * Submits nothing more and lets go: what waits ends as "cancelled", what was accepted stays in the store. Drain first by awaiting your tasks. A
   * process with nothing in flight exits without it.
   */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
