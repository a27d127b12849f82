import type { AnyImageError, ImageError } from "./errors.js";
import type { Bytes } from "./types-host.js";
import type { Attempt, Target, TaskRef } from "./types-task.js";

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
  /** The longest server-asked wait to honour, in ms; beyond it: fail with `retryAfterMs`. Never earlier. @default 600_000 interactive, Infinity batch */
  maxRetryAfter?: number | undefined;
  /** A submit whose outcome is unknown (lost answer): send again? @default "if-idempotent" */
  ambiguous?: "never" | "if-idempotent" | "always" | undefined;
}

/** How one image is made. */
export interface CallOptions {
  /**
   * Rejects with signal.reason, as fetch does, and cancels: what was not sent never is; what was accepted is cancelled where the provider can, else it
   * stays in `pending()`, for it is billed, and `task.ref()` still names it. Of several calls that share a task (by key or ref) an abort lets go of one; the last
   * one cancels. Signals compose: `AbortSignal.any([request.signal, AbortSignal.timeout(60_000)])`. To stop watching only, just stop.
   */
  signal?: AbortSignal | undefined;
  /** One HTTP attempt, in ms. @default the client's */
  timeout?: number | undefined;
  /** From the first submit to the result, in ms. @default the client's */
  deadline?: number | undefined;
  /** The longest wait in this client's own queue, in ms. @default the client's */
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
      /** A try has failed, for this reason: there is another one at `until`. */
      error?: AnyImageError;
    }
  | {
      status: "submitting";
      target: Target;
      /** Which submit it is, from 1. */
      attempt: number;
      /** This submit was in vain, for this reason: there is another one at `until`. */
      error?: AnyImageError;
      /** Milliseconds since the epoch. */
      until?: number;
    }
  | {
      status: "queued" | "processing";
      ref: TaskRef;
      position?: number;
      /** 0 to 1 */
      progress?: number;
      etaMs?: number;
      /** Past the learned p99 of its model. */
      late?: true;
      /** A poll, or the fetch of a picture, was in vain, for this reason: there is another one at `until`. The task goes on meanwhile. */
      error?: AnyImageError;
      /** Milliseconds since the epoch. */
      until?: number;
    }
  | { status: "rerouting"; from: Target; to: Target; because: FallbackReason; error: ImageError }
  | { status: "succeeded"; result: ImageResult }
  | { status: "failed"; error: AnyImageError }
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
  failures: { index: number; error: AnyImageError }[];
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

/** What was left out or changed, and why. */
export interface Warning {
  code: string;
  message: string;
  field?: string;
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
