import type { AnyImageError, ImageError } from "./errors.js";
import type { CallOptions, ImageRequest, ImageResult } from "./types-image.js";

/** Whatever can be looped over. */
export type Source<T> = Iterable<T> | AsyncIterable<T>;
/** One item; what it leaves out, the batch's options give. */
export type BatchRequest<K> = ImageRequest & { key: K } & Pick<
    CallOptions,
    "idempotencyKey" | "tenant" | "weight" | "metadata"
  >;
/** How a batch is made. */
export interface BatchOptions extends Omit<CallOptions, "idempotencyKey"> {
  /**
   * Names the batch in the store: idempotency keys are made from it and each item's `key` (else its index), so the same batch run again after a crash
   * resumes what was accepted, delivers again what can still be fetched (else `expired`), and buys only what never left. An item whose key was used for
   * another request fails as InvalidRequestError with `param: "idempotencyKey"`: a nightly batch needs an `id` with the date in it.
   */
  id?: string | undefined;
  /** @default "completion" */
  order?: "completion" | "input" | undefined;
}
/** One item's end. */
export type BatchItem<K> = { key: K; ok: true; result: ImageResult } | { key: K; ok: false; error: AnyImageError };
/**
 * Starts at once; a window of 256 items at most runs ahead of its one consumer (a loop, or `settled`; a second one at the same time is an
 * InvalidRequestError). Leaving the loop, by `break` or an error, is `abort()`: nothing more is submitted. Nothing that was bought is lost by it: what had
 * finished and was not handed out is delivered by the next loop over this batch or by `settled()`, and stays in `pending()` for `client.resume` and for the
 * same batch `id`; what a provider has goes on and ends there, too. In the batch such items end as "cancelled". A source that throws ends the batch with one
 * failed item more. No two items may have one `key`.
 */
export interface ImageBatch<K> extends AsyncIterable<BatchItem<K>> {
  /**
   * `total`, where it is known, is the sum of the others. `etaMs`, once the first images have taught how long they take: until the last should be
   * there, within a few percent of the whole.
   */
  readonly progress: {
    total?: number;
    done: number;
    failed: number;
    running: number;
    waiting: number;
    etaMs?: number;
  };
  /** What is yet to be handed out, all of it, at the end. Until then all of it stays in `pending()`. */
  settled(): Promise<{
    ok: Extract<BatchItem<K>, { ok: true }>[];
    failed: Extract<BatchItem<K>, { ok: false }>[];
  }>;
  /**
   * What has failed so far, once more; each failure is retried by one call only. What is billed, or may be, and has a `ref` is resumed and never bought
   * again; all else is a new image with a new idempotency key.
   * @default when: `e.retryable` and not billed "unknown", or paid and with a `ref`: then an image is there that could not be fetched
   */
  retryFailed(when?: (error: ImageError) => boolean): ImageBatch<K>;
  /** Submits nothing more until `resume()`; what was submitted goes on. */
  pause(): void;
  resume(): void;
  abort(reason?: unknown): void;
}
