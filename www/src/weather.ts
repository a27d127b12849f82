import type { Settings } from "./simulator.js";
import { switches } from "./switches.js";

const calm: Settings = {
  // Every fault is off.
  ...Object.fromEntries(switches.filter(({ kind }) => kind === "share").map(({ setting }) => [setting, 0])),
  concurrency: 4,
  queue: false,
  rpm: null,
  ipm: null,
  rpm_window_ms: 60_000,
  rpd: null,
  hint: "none",
  hint_slots: false,
  duration: "uniform:2000,6000",
  latency_ms: 60,
};

/** Sets of settings to sail in. */
export const weathers: Readonly<Record<string, Settings>> = {
  calm,
  choppy: { ...calm, concurrency: 3, hint: "seconds", latency_ms: 150, submit_503: 0.1, poll_503: 0.1 },
  storm: {
    ...calm,
    concurrency: 3,
    rpm: 10,
    rpm_window_ms: 20_000,
    hint: "fractional",
    duration: "bimodal:2000,15000,0.3",
    latency_ms: 250,
    submit_503: 0.25,
    poll_503: 0.2,
    lost_answer: 0.2,
    task_failure: 0.05,
    filtered: 0.05,
  },
};
