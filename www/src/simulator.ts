import type { Fetch } from "tidegate";

/** Settings by name; the simulator checks them. */
export type Settings = Record<string, unknown>;
/** Counts by name. */
export type Stats = Record<string, number>;
/** One billed task. */
export interface Charge {
  idempotency_key: string | null;
  images: number;
  amount_usd: number;
  delivered: boolean;
}

/** A simulated provider: its address, and the side that no real one shows. */
export interface Simulator {
  /** Where it is, in words. */
  readonly place: string;
  /** What providers' addresses begin with. */
  readonly origin: string;
  /** Reaches it; left out: the browser's own fetch. */
  readonly fetch?: Fetch;
  settings(): Promise<Settings>;
  /** Resolves to all settings as they are then; rejects with the simulator's reason. */
  change(patch: Settings): Promise<Settings>;
  stats(): Promise<Stats>;
  ledger(): Promise<Charge[]>;
}

/** A simulator behind an address, by its admin routes. */
export class SimulatorServer implements Simulator {
  readonly origin: string;

  constructor(origin: string) {
    this.origin = origin;
  }

  get place(): string {
    return `simulator at ${new URL(this.origin).host}`;
  }

  settings(): Promise<Settings> {
    return this.#call("config");
  }

  change(patch: Settings): Promise<Settings> {
    return this.#call("config", patch);
  }

  stats(): Promise<Stats> {
    return this.#call("stats");
  }

  ledger(): Promise<Charge[]> {
    return this.#call("ledger");
  }

  async #call<T>(route: string, body?: object): Promise<T> {
    const put = body && { method: "PUT", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
    const response = await fetch(`${this.origin}/admin/${route}`, { ...put, signal: AbortSignal.timeout(10_000) });
    const answer: unknown = await response.json();
    if (response.ok) return answer as T;
    const { error } = answer as { error?: { field: string; message: string } };
    throw new Error(error ? `${error.field}: ${error.message}` : `the simulator answered ${response.status}`);
  }
}

/** The simulator that the page's own address names, or undefined where there is none or a bad one. */
export function namedSimulator(search: string): Simulator | undefined {
  const given = new URLSearchParams(search).get("simulator");
  if (!given || !URL.canParse(given)) return undefined;
  const { protocol, origin } = new URL(given);
  return protocol === "http:" || protocol === "https:" ? new SimulatorServer(origin) : undefined;
}
