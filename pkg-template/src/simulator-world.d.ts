// The types of the generated glue, `dist/simulator-world.js`: one instance of the wasm module for each simulator.
export declare function instantiate(module: object): { World: new (settings: string) => World };

/** The simulated provider. Times are ms since its beginning; settings, stats and ledger are JSON. What it throws is a string, `FIELD: what is wrong`. */
export interface World {
  /** Headers are names and values by turns. */
  handle(now: number, method: string, path: string, headers: string[], body: Uint8Array): Outcome;
  /** For an answer that was not there yet: asks again, or leaves. */
  resume(now: number, later: Outcome): Outcome;
  abandon(later: Outcome): void;
  change(now: number, settings: string): void;
  settings(): string;
  stats(now: number): string;
  ledger(now: number): string;
}
export interface Outcome {
  /** When to ask again; Infinity: after a change of settings. Undefined: nothing is to be waited for. */
  readonly due: number | undefined;
  /** 0: the connection broke. */
  readonly status: number;
  readonly headers: string[];
  /** The body, and the end of this object. */
  intoBody(): Uint8Array<ArrayBuffer>;
}
