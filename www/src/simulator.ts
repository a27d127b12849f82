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

/** The simulator's admin routes. */
export class Simulator {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  settings(): Promise<Settings> {
    return this.#call("config");
  }

  /** Resolves to all settings as they are then; rejects with the simulator's reason. */
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
    const response = await fetch(`${this.url}/admin/${route}`, { ...put, signal: AbortSignal.timeout(10_000) });
    const answer: unknown = await response.json();
    if (response.ok) return answer as T;
    const { error } = answer as { error?: { field: string; message: string } };
    throw new Error(error ? `${error.field}: ${error.message}` : `the simulator answered ${response.status}`);
  }
}

/** The simulator's address from the page's own, or undefined where there is none or a bad one. */
export function simulatorAddress(search: string): string | undefined {
  const given = new URLSearchParams(search).get("simulator");
  if (!given || !URL.canParse(given)) return undefined;
  const { protocol, origin } = new URL(given);
  return protocol === "http:" || protocol === "https:" ? origin : undefined;
}
