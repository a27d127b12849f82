// Virtual time for whole programs: the timers, clocks and dice of the global object go by the clock of the simulator in hand. To be imported before the
// libraries that are to live in it; the simulator has taken hold of the host's own timers by then.
import { createSimulator } from "tidegate/testing";

/** When worlds begin on the wall's clock, unless their settings say otherwise; as in the native bench. */
const EPOCH = 1_767_225_600_000;

const real = { Date, random: Math.random, now: performance.now.bind(performance) };
const { setTimeout: realTimeout, clearTimeout: realClear } = globalThis;
let clock;
let epoch = EPOCH;
let random;

const now = () => (clock ? epoch + clock.now() : real.Date.now());

class VirtualDate extends real.Date {
  constructor(...parameters) {
    if (parameters.length === 0) super(now());
    else super(...parameters);
  }
  static now() {
    return now();
  }
}

/** What Node gives out for a timer. */
class Timer {
  constructor(ms, run, again) {
    const arm = () =>
      (this.stop = clock.setTimeout(
        () => {
          if (again) arm();
          run();
        },
        Number(ms) || 0,
      ));
    arm();
  }
  ref() {
    return this;
  }
  unref() {
    return this;
  }
  hasRef() {
    return true;
  }
}

const start =
  (again, given) =>
  (run, ms, ...parameters) =>
    clock ? new Timer(ms, () => run(...parameters), again) : given(run, ms, ...parameters);
const stop = (timer) => (timer instanceof Timer ? timer.stop() : realClear(timer));

globalThis.Date = VirtualDate;
globalThis.setTimeout = start(false, realTimeout);
globalThis.setInterval = start(true, setInterval);
globalThis.clearTimeout = stop;
globalThis.clearInterval = stop;
performance.now = () => (clock ? clock.now() : real.now());
Math.random = () => (random ? random() : real.random());

/** Dice that fall alike for the same seed. */
const dice = (seed) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Lives `story` in the time of a simulator made from this; ends when its promise does. */
export const inVirtualTime = async (config, story) => {
  epoch = config.settings?.epoch_ms ?? EPOCH;
  clock = { now: () => 0 };
  const simulator = createSimulator({ ...config, clock: "virtual" });
  clock = simulator.options.testing.clock;
  random = dice(config.seed);
  try {
    return await story(simulator);
  } finally {
    clock = random = undefined;
  }
};
