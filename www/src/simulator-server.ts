import type { Charge, Settings, Simulator, Stats } from "./simulator.js";

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
