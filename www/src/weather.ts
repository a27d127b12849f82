import type { Settings } from "./simulator.js";
import { switches } from "./switches.js";

const calm: Settings = {
  // Every fault is off.
  ...Object.fromEntries(switches.filter(({ kind }) => kind === "share").map(({ setting }) => [setting, 0])),
  concurrency: 23,
  queue: false,
  rpm: null,
  ipm: null,
  rpm_window_ms: 60_000,
  rpd: null,
  hint: "none",
  hint_slots: false,
  ...Object.fromEntries(switches.filter(({ kind }) => kind === "word").map(({ setting, off }) => [setting, off])),
  cdn_timeout_ms: null,
  store_late_ms: null,
  duration: "uniform:2000,6000",
  latency_ms: 60,
};

/** Limits of the provider that the client is not told. */
export const presets: Readonly<Record<string, Settings>> = {
  "cap-4": { concurrency: 4 },
  "cap-23": { concurrency: 23 },
  "cap-64": { concurrency: 64 },
  "minute-off": { rpm: null },
  "minute-plain": { rpm: 60, rpm_window_ms: 60_000, hint: "none" },
  "minute-hint": { rpm: 60, rpm_window_ms: 60_000, hint: "seconds" },
};

/** Sets of settings to sail in. */
export const weathers: Readonly<Record<string, Settings>> = {
  calm,
  choppy: { ...calm, concurrency: 12, hint: "seconds", latency_ms: 150, submit_503: 0.1, poll_503: 0.1 },
  storm: {
    ...calm,
    concurrency: 8,
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
