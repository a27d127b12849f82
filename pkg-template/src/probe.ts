import type { CoreOptions } from "./core.js";
import type { Guard } from "./guard.js";
import type { LiveTask } from "./image-task.js";
import { inquire } from "./inquiry.js";
import { check, probeShape, refuse } from "./options.js";
import type { ProbeOptions, ProbeReport } from "./types-limits.js";
import type { CallOptions, ImageRequest } from "./types-image.js";

/** What a probe needs of its client. */
export interface ProbeContext {
  readonly guard: Guard;
  readonly number: number;
  readonly owner: number;
  readonly launch: (request: ImageRequest, options: CallOptions, mark: Pick<CoreOptions, "probe">) => LiveTask;
}

/** By the core's numbers. */
const periods: readonly (string | undefined)[] = [undefined, "day", "month"];

/** Throws where a call is wrong before it costs anything. */
export function checkProbe(request: ImageRequest, options: ProbeOptions): void {
  check(options, probeShape);
  for (const name of ["max", "budget"] as const) if (options[name] === undefined) refuse(name, "is missing");
  if (typeof request?.model !== "string") refuse("model", "must be a string");
  if ((request.n ?? 1) !== 1) refuse("n", "must be 1 in a probe: it counts by images");
}

/** Has the core probe: it says how many tasks to make, and takes back what it didn't need. What was bought waits to be resumed. */
export async function runProbe(
  { guard, number, owner, launch }: ProbeContext,
  request: ImageRequest,
  { max, budget, provider, signal }: ProbeOptions,
): Promise<ProbeReport> {
  const prefix = provider === undefined ? "" : `${provider}/`;
  const { amount, per } = typeof budget === "number" ? { amount: budget, per: undefined } : budget;
  const model = request.model.startsWith(prefix) ? request.model : prefix + request.model;
  let count: number | undefined;
  const answer = inquire(guard, {
    number,
    owner,
    ask: (core) => {
      // What it had counted went with the core before.
      if (count !== undefined) throw new Error("the core has failed during the probe");
      count = core.probe(number, owner, model, max, amount, periods.indexOf(per));
    },
    read: (report) => report as ProbeReport,
  });
  for (let made = 0; made < (count ?? 0); made++)
    launch({ ...request, model }, { priority: "interactive", download: false }, { probe: number });
  const stop = (): void => {
    guard.run(
      owner,
      () => [],
      (core) => core.cancel(number),
    );
    guard.wakeSoon(owner);
  };
  signal?.addEventListener("abort", stop, { once: true });
  try {
    return await answer;
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}
