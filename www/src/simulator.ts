import type { Fetch } from "tidegate";

/** Settings by name; the simulator checks them. */
export type Settings = Record<string, unknown>;
/** Counts by name. */
export type Stats = Record<string, number>;
/** One billed task. */
export interface Charge {
  /** None where the provider takes none. */
  idempotency_key: string | null;
  prompt: string;
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

/** The simulator behind the address that the page's own names (`?simulator=`), else the one in the page itself (`?sim=page`). */
export async function findSimulator(search: string): Promise<Simulator> {
  const given = new URLSearchParams(search).get("simulator");
  if (given && URL.canParse(given)) {
    const { protocol, origin } = new URL(given);
    if (protocol === "http:" || protocol === "https:") return new SimulatorServer(origin);
  }
  const { PageSimulator } = await import("./page-simulator.js");
  return new PageSimulator();
}
