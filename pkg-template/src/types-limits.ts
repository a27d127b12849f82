import type { Axis, ErrorCode, TaskRef } from "./types-task.js";

/** Known limits of a key. What is left out is learned; what is told, and what the provider's own headers tell, goes before what is learned. */
export interface Limits {
  /** Tasks in flight at once: a number that is kept to, or where learning begins and the most that it may come to. @default "learn" from 4 upward */
  concurrency?: number | "learn" | { start?: number | undefined; max?: number | undefined } | undefined;
  /** Submits in any 60 s. */
  rpm?: number | undefined;
  /** Submits a day. */
  rpd?: number | undefined;
  /** What the provider counts, against concurrency and windows alike ("images per minute"). @default "task" */
  counts?: "task" | "request" | "image" | undefined;
  /** Whether models of one key share a quota. @default "key": they do */
  scope?: "key" | "model" | undefined;
}

/** What the client believes now. Plain JSON. */
export interface ClientStatus {
  lanes: LaneStatus[];
  /** Tasks that wait for a permit. */
  waiting: number;
  /** Tasks submitted and not yet over. */
  running: number;
}
/** One quota bucket. */
export interface LaneStatus {
  lane: string;
  provider: string;
  model?: string;
  /** Tasks at once, as far as is known. */
  limit: number;
  /** Slots in use, those of tasks included that nobody waits for any more. */
  held: number;
  /** It grows with each answer; it keeps what it found full; or one more than that is out, and what comes of it decides. */
  phase: "ramp" | "steady" | "trial";
  /**
   * The tightest limit over time: so many submits, by default in any 60 s, so many of them used. Told in `limits` (where polls count too, what of it is left for
   * submits), or by the provider's headers (which don't always say over how long), or concluded from refusals.
   */
  window?: {
    rpm: number;
    used: number;
    /** In so many ms, where that is not a minute. */
    lengthMs?: number;
    known: "configured" | "header" | "suspected" | "confirmed";
  };
  /** Nobody asks before then: the provider refused, or asked everybody to stay away. */
  pausedUntil?: number;
  /** So far. */
  refusals: number;
}
/** What a check has found out about a key. */
export interface KeyReport {
  /** Undefined: only a paid call could tell. */
  ok?: boolean;
  /** What is wrong. */
  code?: ErrorCode;
  /** Which limit refuses. */
  axis?: Axis;
  /** What the provider's support asks for. */
  requestId?: string;
  /** What to make of it, in plain words. */
  advice: string;
  /** What was told of the key's limits, and what has been learned of the rest. */
  limits?: Limits;
}

/** US dollars: for the life of what it is given to, or per UTC day or month. */
export type Budget = number | { amount: number; per: "day" | "month" };

/** How far a probe may go. */
export interface ProbeOptions {
  /** The most images that may be bought; 1,000 at the most. */
  max: number;
  /**
   * The most that they may cost together, by `prices` of the provider. Per day or month it is that of all probes of this client then, those under way included; what
   * another process has spent, or this one on other images, is not counted.
   */
  budget: Budget;
  /** Its name in `providers`; by default as the request's `model` says. */
  provider?: string | undefined;
  /** Rejects with signal.reason and submits nothing more; what was bought by then is in `pending()`. */
  signal?: AbortSignal | undefined;
}
/** What a probe has found out. */
export interface ProbeReport {
  /** Tasks that the key takes at once; null: not reached within `max` and `budget`, or hidden behind a limit over time (see `axis`). */
  ceiling: number | null;
  /** Submits that were accepted; each is billed. */
  accepted: number;
  /** Submits that were refused; they cost nothing. */
  refused: number;
  /** Which limit refused. */
  axis?: Axis;
  /** The most that it has cost, in US dollars. */
  cost?: number;
  /** What was bought: `resume` gets the images. */
  refs: TaskRef[];
}
