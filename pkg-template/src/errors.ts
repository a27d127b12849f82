import type { Attempt, Axis, ErrorCode, TaskRef } from "./types-task.js";

export type { Attempt, Axis, ErrorCode, Target, TaskPart, TaskRef } from "./types-task.js";

/** What an error is made of; what is left out gets its class's default. */
export interface ImageErrorInit {
  message: string;
  cause?: unknown;
  [field: string]: unknown;
}

const brand = Symbol.for("tidegate.ImageError");
const kind = Symbol("kind");
type Kind = { codes: readonly ErrorCode[]; defaults: object | undefined };
const classes = new Map<ErrorCode, typeof ImageError>();

/**
 * The base of all errors of this package. `ImageError.is(e)` rather than `instanceof`: it holds across bundles and realms. `cause` is the host's own error
 * where there is one: what `fetch`, an `apiKey` function or a store has thrown.
 *
 * @example
 * try {
 *   await client.generate(request);
 * } catch (e) {
 *   if (!ImageError.is(e)) throw e;
 *   log.error({ error: e.toJSON() });
 *   if (e.retryable && e.billed !== "unknown") queue.push(request);
 * }
 */
export class ImageError extends Error {
  declare readonly code: ErrorCode;
  /** The provider that was asked, by its name in `providers`. */
  declare readonly provider?: string;
  declare readonly model?: string;
  /** Of the HTTP answer. */
  declare readonly status?: number;
  /** What the provider's support asks for. */
  declare readonly requestId?: string;
  declare readonly taskId?: string;
  declare readonly providerCode?: string;
  /** The same request may succeed later, and sending it again can't pay for a lost image too. Never true of what is billed, or may be: `resume` its `ref`. */
  declare readonly retryable: boolean;
  /** Not before that many milliseconds. */
  declare readonly retryAfterMs?: number;
  /** Whether this task has cost money. */
  declare readonly billed: "no" | "yes" | "unknown";
  declare readonly attempts: Attempt[];
  /** What finds the task again, where there is one. */
  declare readonly ref?: TaskRef;

  constructor(init: ImageErrorInit) {
    const { message, ...fields } = init;
    super(message, "cause" in fields ? { cause: fields.cause } : undefined);
    delete fields.cause;
    const { codes, defaults } = (new.target as { [kind]?: Kind })[kind] ?? {};
    Object.assign(this, { code: codes?.[0], retryable: false, billed: "no", attempts: [] }, defaults, fields);
  }

  /** Plain JSON with name, message and all fields, for logs and wires; `ImageError.from` makes an error of it again. Without `stack` and `cause`. */
  toJSON(): Record<string, unknown> {
    return Object.assign({ name: this.name, message: this.message }, this as object);
  }

  /**
   * The error that `toJSON` wrote, at the other end of a wire; an error of this package comes back as it is. Its type is the union of all classes, so that
   * `switch (error.code)` narrows.
   */
  static from(json: object): AnyImageError {
    return (ImageError.is(json) ? json : toError(json)) as AnyImageError;
  }

  /** Brand and class check, safe across bundles and realms: `RateLimitError.is(e)` narrows to RateLimitError. */
  static is<C extends abstract new (...args: never[]) => ImageError>(this: C, e: unknown): e is InstanceType<C> {
    const codes = (this as { [kind]?: Kind })[kind]?.codes;
    return (
      typeof e === "object" && e !== null && brand in e && (!codes || codes.includes((e as Partial<ImageError>).code!))
    );
  }
}

/** The key is wrong, missing or revoked. */
export class AuthenticationError extends ImageError {
  declare readonly code: "authentication";
}
/** The key is right and may not do this. */
export class PermissionError extends ImageError {
  declare readonly code: "permission";
}
/** The request or the configuration is wrong; `param` names the field. */
export class InvalidRequestError extends ImageError {
  declare readonly code: "invalid-request";
  declare readonly param?: string;
}
/** Refused for longer than the task may wait. */
export class RateLimitError extends ImageError {
  declare readonly code: "rate-limited";
  /** Which limit refused. */
  declare readonly axis: Axis;
}
/** `maxWait` passed in this client's own queue: nothing was bought. `retryAfterMs` estimates when there is room. */
export class QueueTimeoutError extends ImageError {
  declare readonly code: "queue-timeout";
}
/** The money or the credits are spent. */
export class QuotaExhaustedError extends ImageError {
  declare readonly code: "quota-exhausted";
}
/** The provider's filter said no. */
export class ContentFilteredError extends ImageError {
  declare readonly code: "content-filtered";
  declare readonly stage: "prompt" | "output" | "unknown";
  declare readonly severity: "soft" | "hard" | "unknown";
  declare readonly categories: string[];
}
/** The model is unknown, retired or not open to this key. */
export class ModelUnavailableError extends ImageError {
  declare readonly code: "model-unavailable";
  declare readonly suggested?: string;
}
/** The provider could not be reached or could not serve. */
export class ProviderUnavailableError extends ImageError {
  declare readonly code: "overloaded" | "server-error" | "network" | "timeout";
}
/** The task ended without an image, or its answer made no sense. */
export class TaskFailedError extends ImageError {
  declare readonly code: "task-failed" | "not-found" | "expired" | "empty-result" | "protocol";
}
/** By `cancel`, `abort` or `close`; `cause` is their reason. */
export class CancelledError extends ImageError {
  declare readonly code: "cancelled";
}
/** It was sent and its answer was lost: it may have been billed. Resolve by `ref`. */
export class UnknownOutcomeError extends ImageError {
  declare readonly code: "unknown-outcome";
}
/** `deadline` has passed; the task stays resumable by `ref`. */
export class DeadlineError extends ImageError {
  declare readonly code: "deadline";
}
/** The budget is spent. */
export class BudgetError extends ImageError {
  declare readonly code: "budget";
}
/** Every target has failed. */
export class RoutesExhaustedError extends ImageError {
  declare readonly code: "routes-exhausted";
  declare readonly errors: ImageError[];
  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), errors: this.errors.map((error) => error.toJSON()) };
  }
}
/** The core failed on this task, or could not start. `ref`, where there is one, finds the task again. */
export class CoreCrashedError extends ImageError {
  declare readonly code: "core-crashed";
}

/** Every error that there is: `switch (error.code)` narrows to its class. */
export type AnyImageError =
  | AuthenticationError
  | PermissionError
  | InvalidRequestError
  | RateLimitError
  | QueueTimeoutError
  | QuotaExhaustedError
  | ContentFilteredError
  | ModelUnavailableError
  | ProviderUnavailableError
  | TaskFailedError
  | CancelledError
  | UnknownOutcomeError
  | DeadlineError
  | BudgetError
  | RoutesExhaustedError
  | CoreCrashedError;

// Names and codes are set by hand, for minifiers rename classes.
const define = (type: typeof ImageError, name: string, codes?: readonly ErrorCode[], defaults?: object): void => {
  Object.defineProperty(type.prototype, "name", { value: name, configurable: true, writable: true });
  if (codes) Object.defineProperty(type, kind, { value: { codes, defaults } satisfies Kind });
  for (const code of codes ?? []) classes.set(code, type);
};
Object.defineProperty(ImageError.prototype, brand, { value: true });
define(ImageError, "ImageError");
define(AuthenticationError, "AuthenticationError", ["authentication"]);
define(PermissionError, "PermissionError", ["permission"]);
define(InvalidRequestError, "InvalidRequestError", ["invalid-request"]);
define(RateLimitError, "RateLimitError", ["rate-limited"], { axis: "unknown" });
define(QueueTimeoutError, "QueueTimeoutError", ["queue-timeout"]);
define(QuotaExhaustedError, "QuotaExhaustedError", ["quota-exhausted"]);
define(ContentFilteredError, "ContentFilteredError", ["content-filtered"], {
  stage: "unknown",
  severity: "unknown",
  categories: [],
});
define(ModelUnavailableError, "ModelUnavailableError", ["model-unavailable"]);
define(ProviderUnavailableError, "ProviderUnavailableError", ["overloaded", "server-error", "network", "timeout"]);
define(TaskFailedError, "TaskFailedError", ["task-failed", "not-found", "expired", "empty-result", "protocol"]);
define(CancelledError, "CancelledError", ["cancelled"]);
define(UnknownOutcomeError, "UnknownOutcomeError", ["unknown-outcome"]);
define(DeadlineError, "DeadlineError", ["deadline"]);
define(BudgetError, "BudgetError", ["budget"]);
define(RoutesExhaustedError, "RoutesExhaustedError", ["routes-exhausted"], { errors: [] });
define(CoreCrashedError, "CoreCrashedError", ["core-crashed"]);

/** @internal The error that the core's plain description stands for. */
export function toError(plain: object): ImageError {
  const { name: _, ...init } = plain as ImageErrorInit;
  const Type = classes.get(init["code"] as ErrorCode) ?? ImageError;
  return new Type(Array.isArray(init["errors"]) ? { ...init, errors: init["errors"].map(toError) } : init);
}
