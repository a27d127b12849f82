import type { Logger } from "./types.js";

const levels = ["error", "warn", "info", "debug"] as const;
export type Log = (level: (typeof levels)[number], message: string) => void;

/** Messages never hold prompts, keys or the queries of URLs. */
export function createLog(logger: Logger | undefined, threshold = "warn"): Log {
  const loudest = levels.indexOf(threshold as (typeof levels)[number]);
  return (level, message) => {
    if (levels.indexOf(level) > loudest) return;
    try {
      (logger ?? console)[level](`tidegate: ${message}`);
    } catch {
      // A logger that throws must not end a task.
    }
  };
}
