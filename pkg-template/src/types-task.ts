/** What went wrong. Every code has one class. */
export type ErrorCode =
  | "authentication"
  | "permission"
  | "invalid-request"
  | "content-filtered"
  | "rate-limited"
  | "queue-timeout"
  | "quota-exhausted"
  | "overloaded"
  | "server-error"
  | "model-unavailable"
  | "not-found"
  | "expired"
  | "cancelled"
  | "timeout"
  | "deadline"
  | "network"
  | "unknown-outcome"
  | "task-failed"
  | "empty-result"
  | "protocol"
  | "budget"
  | "routes-exhausted"
  | "core-crashed";

/** Which limit refused. */
export type Axis = "concurrency" | "minute" | "day" | "unknown";

/** A provider, by its name in `providers`, and one of its models. */
export interface Target {
  provider: string;
  model: string;
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

/** One submit and its answer. */
export interface Attempt {
  target: Target;
  at: number;
  outcome: "accepted" | "refused" | "failed" | "unknown";
  code?: ErrorCode;
  axis?: Axis;
  status?: number;
  requestId?: string;
  waitedMs?: number;
}
