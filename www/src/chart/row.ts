import type { Attempt, TaskUpdate } from "tidegate";
import { count, duration } from "../format.js";

/** What a task may be doing. */
export type Phase = "waiting" | "submitting" | "queued" | "processing";
/** How a task may end. */
export type End = "succeeded" | "failed" | "cancelled";
/** One stretch of a task's life, in seconds since the run began; still going on where it has no end. */
export interface Stretch {
  phase: Phase;
  from: number;
  to?: number;
}
/** Something at one moment, in seconds since the run began. */
export interface Mark {
  kind: "refusal" | "fault";
  at: number;
}

const doing: Readonly<Record<Phase, string>> = {
  waiting: "waiting",
  submitting: "submitting",
  queued: "queued at the provider",
  processing: "processing",
};
const ends: Readonly<Record<End, string>> = { succeeded: "succeeded", failed: "failed", cancelled: "cancelled" };

/** One task over time. */
export class Row {
  readonly name: string;
  readonly stretches: Stretch[];
  marks: Mark[] = [];
  end: { kind: End; at: number; why?: string } | undefined;

  constructor(name: string, at: number) {
    this.name = name;
    this.stretches = [{ phase: "waiting", from: at }];
  }

  /** What it does now; undefined once it is over. */
  get phase(): Phase | undefined {
    return this.end ? undefined : this.stretches.at(-1)?.phase;
  }

  /** Follows an update; `clock` turns milliseconds since the epoch into seconds of the run. */
  update(update: TaskUpdate, at: number, clock: (wall: number) => number): void {
    switch (update.status) {
      case "waiting":
      case "queued":
      case "processing":
        return this.#enter(update.status, at);
      case "submitting":
        // A second submit without a wait between them: the first came to nothing.
        if (this.phase === "submitting" && update.attempt > 1) this.mark("fault", at);
        return this.#enter("submitting", at);
      case "succeeded":
        return this.#over("succeeded", at, update.result.attempts, clock);
      case "failed":
        return this.#over("failed", at, update.error.attempts, clock, update.error.code);
      case "cancelled":
        return this.#over("cancelled", at, [], clock);
      default:
        return;
    }
  }

  mark(kind: Mark["kind"], at: number): void {
    this.marks.push({ kind, at });
  }

  /** The row in words. */
  tell(now: number): string {
    const spent = (phases: readonly Phase[]): number =>
      this.stretches
        .filter(({ phase }) => phases.includes(phase))
        .reduce((sum, { from, to }) => sum + (to ?? this.end?.at ?? now) - from, 0);
    const refused = this.marks.filter(({ kind }) => kind === "refusal").length;
    const faults = this.marks.length - refused;
    const state = this.end ? ends[this.end.kind] : doing[this.phase ?? "waiting"];
    const parts = [
      `${this.name}: ${state}${this.end?.why ? ` (${this.end.why})` : ""}`,
      `waited ${duration(spent(["waiting"]) * 1000)}`,
      `at the provider ${duration(spent(["queued", "processing"]) * 1000)}`,
      refused > 0 && `refused ${refused === 1 ? "once" : `${refused} times`}`,
      faults > 0 && count(faults, "fault"),
    ];
    return parts.filter(Boolean).join(", ");
  }

  #enter(phase: Phase, at: number): void {
    const last = this.stretches.at(-1);
    if (this.end || last?.phase === phase) return;
    if (last) last.to = at;
    this.stretches.push({ phase, from: at });
  }

  /** The attempts of the result say exactly when what went wrong; until then the marks are as near as updates tell. */
  #over(kind: End, at: number, attempts: readonly Attempt[], clock: (wall: number) => number, why?: string): void {
    if (this.end) return;
    const last = this.stretches.at(-1);
    if (last) last.to = at;
    this.end = why ? { kind, at, why } : { kind, at };
    if (attempts.length === 0) return;
    this.marks = attempts
      .filter(({ outcome }) => outcome !== "accepted")
      .map((attempt) => ({
        kind: attempt.outcome === "refused" ? ("refusal" as const) : ("fault" as const),
        at: Math.min(at, Math.max(0, clock(attempt.at))),
      }));
  }
}
