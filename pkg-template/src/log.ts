import type { Logger } from "./types.js";

const levels = ["error", "warn", "info", "debug"] as const;
/** `cause` is an error of the host's or the caller's: the logger gets it as it is. */
export interface Log {
  (level: (typeof levels)[number], message: string, cause?: unknown): void;
  /** Whether lines of the lowest level are wanted at all. */
  readonly isDebug: boolean;
}

/** Messages never hold prompts, keys or the queries of URLs. */
export function createLog(logger: Logger | undefined, threshold = "warn"): Log {
  const loudest = levels.indexOf(threshold as (typeof levels)[number]);
  const log = (level: (typeof levels)[number], message: string, ...cause: unknown[]): void => {
    if (levels.indexOf(level) > loudest) return;
    try {
      (logger ?? console)[level](`tidegate: ${message}`, ...cause);
    } catch {
      // A logger that throws must not end a task.
    }
  };
  return Object.assign(log, { isDebug: loudest === 3 });
}
