import { betweenRules, betweenSettings } from "./simulator-intermediary.js";
import { check, isObject, isTime, latency, limit, oneOf, refuse, rule, share, type Rule } from "./simulator-rules.js";
import type { Scenario, SimulatorChanges, SimulatorConfig } from "./types-testing.js";

/** Settings of the world, by its names for them. */
export type Settings = Record<string, unknown>;
/** Settings that hold from a time on. */
export interface Phase {
  readonly at: number;
  readonly settings: Settings;
}
interface Course {
  readonly settings: Settings;
  readonly later?: readonly Phase[];
}

const broken = (probability: number): Settings => ({
  submit_503: probability,
  poll_503: probability,
  image_503: probability,
});
const scenarios: Readonly<Record<string, Course>> = {
  calm: { settings: {} },
  "cap-drop": { settings: { concurrency: 8 }, later: [{ at: 30_000, settings: { concurrency: 3 } }] },
  outage: {
    settings: {},
    later: [
      { at: 20_000, settings: broken(1) },
      { at: 50_000, settings: broken(0) },
    ],
  },
  "lost-answers": { settings: { lost_answer: 0.25, poll_lost: 0.1 } },
};

const isSpan = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 2 && value.every(isTime) && value[0]! <= value[1]!;

const faults = { serverError: share, lostAnswer: share, filtered: share };
const changeable: Record<string, Rule> = {
  cap: limit,
  rpm: limit,
  durationMs: rule(isSpan, "must be [min, max] in ms, the smaller first"),
  faults: (value, field) => check(value, faults, field),
  intermediary: (value, field) => check(value, betweenRules, field),
  latencyMs: latency,
  settings: (value, field) => {
    if (!isObject(value)) refuse(field, "must be an object");
    const { latency_ms } = value as Settings;
    if (latency_ms !== undefined) latency(latency_ms, `${field}.latency_ms`);
  },
};
const initial: Record<string, Rule> = {
  ...changeable,
  scenario: (value, field) => void course(value, field),
  clock: oneOf("virtual", "manual", "real"),
  seed: rule((v) => Number.isInteger(v) && isTime(v), "must be a whole number of at least 0"),
  pictures: oneOf(true, false),
};

function course(name: unknown, field: string): Course {
  if (typeof name === "string" && Object.hasOwn(scenarios, name)) return scenarios[name]!;
  const known = Object.keys(scenarios).join(", ");
  return refuse(field, `must be one of ${known}; there is no ${JSON.stringify(name)}`);
}

/** Checks a configuration; a name stands for its scenario. */
export function readConfig(given: SimulatorConfig | Scenario): SimulatorConfig {
  const config = typeof given === "string" ? { scenario: given } : given;
  check(config, initial);
  return config;
}

/** Checks what is to change while a simulator runs, and says it in the world's terms. */
export function readChanges(changes: SimulatorChanges): Settings {
  check(changes, changeable);
  return toSettings(changes);
}

/** What becomes of a world, in its own terms. */
export function courseOf(config: SimulatorConfig): Course {
  const { settings, later = [] } = course(config.scenario ?? "calm", "scenario");
  return { settings: { ...settings, ...toSettings(config) }, later };
}

function toSettings(changes: SimulatorChanges): Settings {
  const { cap, rpm, durationMs, faults = {}, intermediary = {}, latencyMs, settings } = changes;
  const { serverError, lostAnswer, filtered } = faults;
  const told: Settings = {
    concurrency: cap === Infinity ? null : cap,
    rpm: rpm === Infinity ? null : rpm,
    duration: durationMs && `uniform:${durationMs.map(Math.round).join(",")}`,
    submit_503: serverError,
    poll_503: serverError,
    lost_answer: lostAnswer,
    filtered,
    latency_ms: latencyMs,
    ...betweenSettings(intermediary),
    ...settings,
  };
  return Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined));
}
