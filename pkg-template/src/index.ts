export { createClient } from "./client.js";
export {
  AuthenticationError,
  BudgetError,
  CancelledError,
  ContentFilteredError,
  CoreCrashedError,
  DeadlineError,
  ImageError,
  InvalidRequestError,
  ModelUnavailableError,
  PermissionError,
  ProviderUnavailableError,
  QueueTimeoutError,
  QuotaExhaustedError,
  RateLimitError,
  RoutesExhaustedError,
  TaskFailedError,
  UnknownOutcomeError,
} from "./errors.js";
export type { AnyImageError, ImageErrorInit } from "./errors.js";
export { creativeai, hiapi, openai, openaiCompatible } from "./providers.js";
export type * from "./types-batch.js";
export type { Bytes, Fetch } from "./types-host.js";
export type * from "./types-image.js";
export type * from "./types-limits.js";
export type { Attempt, ErrorCode, Target, TaskPart, TaskRef } from "./types-task.js";
export type * from "./types.js";
