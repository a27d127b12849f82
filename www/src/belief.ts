import type { LaneStatus } from "tidegate";
import { count, duration } from "./format.js";

/** What is known beside the lane itself. */
interface Around {
  /** The number that the client was told; undefined where it finds its own way. */
  told: number | undefined;
  /** How long ago the last refusal was, in ms. */
  refusedMs: number | undefined;
  /** Whether anything is under way. */
  busy: boolean;
}

/** What the gate believes of the provider's limits, in plain words. */
export function belief(lane: LaneStatus | undefined, around: Around): string {
  if (!lane) {
    return around.told === undefined
      ? "Nobody tells the gate what the provider takes. It begins with 4 at once and finds out."
      : `The gate is told ${around.told} at once, and will keep to it.`;
  }
  const parts = [slots(lane, around), window(lane), refusals(lane, around)];
  return `${parts.filter(Boolean).join("; ")}.`;
}

function slots({ limit, phase, refusals }: LaneStatus, { told, busy }: Around): string {
  if (told !== undefined) return `Told ${told} at once, and keeps to it`;
  if (phase === "trial") return `Found ${limit - 1} at once; now it tries one more, paid by finished work`;
  if (phase === "steady")
    return `Found ${limit} at once${busy ? "; finished work will pay for the next try at one more" : ""}`;
  return refusals === 0
    ? `Feeling its way: ${limit} at once so far, one more with each answer`
    : `Feeling its way: ${limit} at once, more with each answer`;
}

const sources: Readonly<Record<NonNullable<LaneStatus["window"]>["known"], string>> = {
  configured: "was told of",
  header: "reads in the provider's headers",
  suspected: "suspects",
  confirmed: "has confirmed",
};

function window({ window }: LaneStatus): string {
  if (!window) return "";
  return `it ${sources[window.known]} ${windowText(window)}`;
}

/** "a limit of 60 a minute". */
export function windowText({ rpm, lengthMs = 60_000 }: NonNullable<LaneStatus["window"]>): string {
  return `a limit of ${rpm} ${lengthMs === 60_000 ? "a minute" : `in ${duration(lengthMs)}`}`;
}

function refusals({ refusals }: LaneStatus, { refusedMs }: Around): string {
  if (refusals === 0) return "never refused";
  return `${count(refusals, "refusal")}${refusedMs === undefined ? "" : `, the last ${duration(refusedMs)} ago`}`;
}
