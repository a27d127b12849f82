import { courseOf, readChanges, readConfig, type Phase, type Settings } from "./simulator-config.js";
import { createFetch, type Provider } from "./simulator-fetch.js";
import { instantiate, type World } from "./simulator-world.js";
import type {
  Scenario,
  SimulatedWorld,
  Simulator,
  SimulatorChanges,
  SimulatorCharge,
  SimulatorConfig,
  SimulatorStats,
} from "./types-testing.js";
import type { Fetch } from "./types-host.js";
import { RealClock, VirtualClock, type SimulatorClock } from "./virtual-clock.js";

let load: () => object;
let compiled: object | undefined;

/** @internal Entries say what the world's wasm module is; nothing is decoded or compiled yet. */
export function provideWorld(source: () => object): void {
  load = source;
}

/** Where images are linked; the simulator's own fetch answers there, as everywhere. */
const ORIGIN = "https://simulator.test";
const DAY = 86_400_000;
/** The longest timer that hosts keep; after it one asks again. */
const LONGEST = 2 ** 31 - 1;

/**
 * The provider that tidegate itself is tested against, in this process: limits, faults, idempotency keys, pictures and a bill. Independent of every
 * other simulator.
 *
 * ```js
 * const simulator = createSimulator({ cap: 4, faults: { lostAnswer: 0.1 } });
 * const client = createClient({ providers: hiapi({ apiKey: "test" }), ...simulator.options });
 * ```
 *
 * @param config or the name of a scenario
 * @throws TypeError that names the field that is wrong
 */
export function createSimulator(config: SimulatorConfig | Scenario = {}): Simulator {
  return new LocalSimulator(readConfig(config));
}

class LocalSimulator implements Simulator {
  readonly options: Simulator["options"];
  readonly fetch: Fetch;
  readonly world: SimulatedWorld;
  readonly #clock: SimulatorClock;
  readonly #world: World;
  readonly #later: Phase[];
  /** Requests whose answers are not there yet: what wakes them. */
  readonly #waiting = new Set<() => void>();
  #latency = 50;

  constructor(config: SimulatorConfig) {
    const { clock = "virtual", seed = 1, pictures = clock === "real" } = config;
    const { settings, later = [] } = courseOf(config);
    this.#later = [...later];
    // Virtual time begins at midnight, so that a quota of the day ends at the same time in every run; not in another year, or links would be stale.
    const epoch_ms = clock === "real" ? Date.now() : Math.floor(Date.now() / DAY) * DAY;
    this.#clock = clock === "real" ? new RealClock() : new VirtualClock(clock === "virtual", epoch_ms);
    const initial = { base_url: ORIGIN, epoch_ms, seed, plain_pictures: !pictures };
    const { World } = instantiate((compiled ??= load()));
    this.#world = new World(JSON.stringify(initial));
    this.#change(settings);
    this.fetch = createFetch(this.#provider(), this.#clock) as Fetch;
    const testing = clock === "real" ? { seed } : { seed, clock: this.#clock };
    this.options = { fetch: this.fetch, testing };
    this.world = {
      settings: () => ({ ...(JSON.parse(this.#world.settings()) as Settings), latency_ms: this.#latency }),
      change: (settings) => this.#change(readChanges({ settings })),
      stats: () => JSON.parse(this.#world.stats(this.#arrive())) as Record<string, number>,
      ledger: () => JSON.parse(this.#world.ledger(this.#arrive())) as Record<string, unknown>[],
    };
  }

  now(): number {
    return this.#clock.now();
  }

  async advance(ms: number): Promise<void> {
    if (!(Number.isFinite(ms) && ms >= 0)) throw new TypeError("advance: ms must be a number of at least 0");
    await this.#clock.advance(ms);
  }

  configure(changes: SimulatorChanges): void {
    this.#change(readChanges(changes));
  }

  ledger(): SimulatorCharge[] {
    return this.world.ledger().map((charge) => ({
      taskId: charge["task_id"] as string,
      target: { provider: charge["provider"] as string, model: charge["model"] as string },
      images: charge["images"] as number,
      amount: charge["amount_usd"] as number,
      delivered: charge["delivered"] as boolean,
    }));
  }

  stats(): SimulatorStats {
    const { submits = 0, refusals = 0, polls = 0, peak_in_flight: peak = 0 } = this.world.stats();
    return { submits, refusals, polls, peak };
  }

  #provider(): Provider {
    const [clock, world, waiting] = [this.#clock, this.#world, this.#waiting];
    const latency = (): number => this.#latency;
    return {
      get latency() {
        return latency();
      },
      handle: (...request) => world.handle(this.#arrive(), ...request),
      resume: (later) => world.resume(this.#arrive(), later),
      abandon: (later) => world.abandon(later),
      wait: (later, callback) => {
        const wake = (): void => {
          take();
          callback();
        };
        const at = Math.min(later.due ?? 0, this.#later[0]?.at ?? Infinity);
        const cancel = at < Infinity ? clock.setTimeout(wake, Math.min(at - clock.now(), LONGEST)) : () => {};
        const take = (): void => {
          waiting.delete(wake);
          cancel();
        };
        waiting.add(wake);
        return take;
      },
    };
  }

  #change(settings: Readonly<Settings>): void {
    const now = this.#arrive();
    const { latency_ms = this.#latency, ...ofWorld } = settings;
    try {
      this.#world.change(now, JSON.stringify(ofWorld));
    } catch (cause) {
      // What the world refuses is a text, `FIELD: what is wrong`.
      throw typeof cause === "string" ? new TypeError(`createSimulator: settings.${cause}`) : cause;
    }
    this.#latency = latency_ms as number;
    this.#wake();
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** The time, once the world is told what has become of it until then. */
  #arrive(): number {
    const now = this.#clock.now();
    for (let next; (next = this.#later[0]) && next.at <= now; this.#later.shift()) {
      this.#world.change(next.at, JSON.stringify(next.settings));
      this.#wake();
    }
    return now;
  }
}
