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
