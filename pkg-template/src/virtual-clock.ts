import type { Clock } from "./types.js";

/** A clock that knows of what happens elsewhere. */
export interface SimulatorClock extends Clock {
  /** Time stands still until this settles. */
  hold<T>(work: Promise<T>): Promise<T>;
  /** Something has just happened that may lead to more. */
  touch(): void;
  /** Lets time pass. */
  advance(ms: number): Promise<void>;
}

// As they were when this was loaded: tests like to put others in their place.
const host = globalThis as typeof globalThis & { setImmediate?: (run: () => void) => void };
const { setTimeout: realTimeout, setImmediate: realImmediate } = host;
const later = (ms: number): Promise<void> => new Promise((resolve) => realTimeout(resolve, ms));

/** One turn of the event loop, by the quickest means of the host. */
const turn = ((): (() => Promise<void>) => {
  if (realImmediate) return () => new Promise((resolve) => realImmediate(resolve));
  // Timers of 0 ms take 4 in browsers. Elsewhere messages may be delivered within a turn, as on Workers.
  const isBrowser = typeof document === "object" || "importScripts" in host;
  if (!isBrowser || typeof MessageChannel !== "function") return () => later(0);
  const waiting: (() => void)[] = [];
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => waiting.shift()?.();
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      port2.postMessage(undefined);
    });
})();

/** So many turns without an event mean that nothing is under way. The client is content with one; what its user does in between may take some. */
const QUIET_TURNS = 5;
/** Virtual time passes at most so many times as fast as real time, so that a deadline does not overtake a store on a disk; for at most so many real ms. */
const SPEED = 10_000;
const PATIENCE = 100;

interface Timer {
  readonly at: number;
  readonly run: () => void;
  /** The end of an `advance`, after all that is due at that time. */
  readonly isGoal: boolean;
}

/** Time that goes from timer to timer: by itself, or only as far as it is told. */
export class VirtualClock implements SimulatorClock {
  readonly #byItself: boolean;
  /** The wall's clock when it began, ms since the epoch. */
  readonly #epoch: number;
  readonly #timers = new Set<Timer>();
  readonly #held = new Set<Promise<unknown>>();
  #now = 0;
  #events = 0;
  #running = false;

  constructor(byItself: boolean, epoch = 0) {
    this.#byItself = byItself;
    this.#epoch = epoch;
  }

  wall(): number {
    return this.#epoch + this.#now;
  }

  now(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, ms: number): () => void {
    // At least 1 ms, as hosts have it: a timer that sets itself anew must not stop time.
    return this.#add({ at: this.#now + Math.max(1, ms), run: callback, isGoal: false });
  }

  advance(ms: number): Promise<void> {
    return new Promise((resolve) => this.#add({ at: this.#now + ms, run: resolve, isGoal: true }));
  }

  async hold<T>(work: Promise<T>): Promise<T> {
    this.#held.add(work);
    try {
      return await work;
    } finally {
      this.#held.delete(work);
      this.#events++;
    }
  }

  touch(): void {
    this.#events++;
  }

  #add(timer: Timer): () => void {
    this.#timers.add(timer);
    this.#events++;
    void this.#run();
    return () => this.#timers.delete(timer);
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    for (let next; (next = await this.#due());) {
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      // In a promise: what it throws is reported by the host, and time goes on.
      void Promise.resolve().then(next.run);
    }
    this.#running = false;
  }

  /** The next timer that time may go to, once nothing else is under way. */
  async #due(): Promise<Timer | undefined> {
    for (;;) {
      for (let quiet = 0, events = -1; quiet < QUIET_TURNS; quiet++) {
        if (events !== this.#events) quiet = 0;
        events = this.#events;
        await turn();
        while (this.#held.size > 0) await Promise.allSettled(this.#held);
      }
      const next = this.#next();
      const patience = next ? Math.min(PATIENCE, (next.at - this.#now) / SPEED) : 0;
      if (patience < 1) return next;
      const events = this.#events;
      await later(patience);
      if (events === this.#events && this.#held.size === 0) return next;
    }
  }

  #next(): Timer | undefined {
    let next: Timer | undefined;
    let goal = -Infinity;
    for (const timer of this.#timers) {
      if (timer.isGoal) goal = Math.max(goal, timer.at);
      const isSooner = !next || timer.at < next.at || (timer.at === next.at && next.isGoal && !timer.isGoal);
      if (isSooner && timer.at < Infinity) next = timer;
    }
    return this.#byItself || (next && next.at <= goal) ? next : undefined;
  }
}

/** The host's own clock and timers, looked up at each call. */
export class RealClock implements SimulatorClock {
  readonly #start = performance.now();

  now(): number {
    return performance.now() - this.#start;
  }
  setTimeout(callback: () => void, ms: number): () => void {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  }
  hold<T>(work: Promise<T>): Promise<T> {
    return work;
  }
  touch(): void {}
  advance(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }
}
