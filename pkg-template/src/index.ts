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
  QuotaExhaustedError,
  RateLimitError,
  RoutesExhaustedError,
  TaskFailedError,
  UnknownOutcomeError,
} from "./errors.js";
export type { ErrorCode, ImageErrorInit } from "./errors.js";
export { creativeai, hiapi, openai, openaiCompatible } from "./providers.js";
export type * from "./types-batch.js";
export type * from "./types-limits.js";
export type * from "./types.js";
