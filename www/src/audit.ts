import type { Charge } from "./simulator.js";

/** What the provider's ledger says of this page. */
export interface Audit {
  /** Images billed for this page's tasks. */
  images: number;
  usd: number;
  /** Charges beyond the first for one task. */
  twice: number;
  /** Charges for other tasks: of a page before this one, or of before it was cleared. */
  strange: number;
}

/** What this page asked for: idempotency keys, and how often each prompt. */
export interface Own {
  readonly keys: ReadonlySet<string>;
  readonly prompts: ReadonlyMap<string, number>;
}

/** Compares the ledger with this page's tasks; charges before `from` are of others. */
export function audit(ledger: readonly Charge[], from: number, own: Own): Audit {
  const seen = new Set<string>();
  const left = new Map(own.prompts);
  const result: Audit = { images: 0, usd: 0, twice: 0, strange: 0 };
  for (const { idempotency_key: key, prompt, images, amount_usd: usd } of ledger.slice(from)) {
    // Who takes no keys is held to what was asked: no more charges of a prompt than pictures of it.
    const rest = left.get(prompt);
    if (key === null ? rest === undefined : !own.keys.has(key)) {
      result.strange += 1;
      continue;
    }
    result.images += images;
    result.usd += usd;
    if (key === null ? rest === 0 : seen.has(key)) result.twice += 1;
    if (key !== null) seen.add(key);
    else if (rest) left.set(prompt, rest - 1);
  }
  return result;
}
