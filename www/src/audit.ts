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

/** Compares the ledger with the idempotency keys of this page's tasks; charges before `from` are of others. */
export function audit(ledger: readonly Charge[], from: number, own: ReadonlySet<string>): Audit {
  const seen = new Set<string>();
  const result: Audit = { images: 0, usd: 0, twice: 0, strange: 0 };
  for (const { idempotency_key: key, images, amount_usd: usd } of ledger.slice(from)) {
    if (key === null || !own.has(key)) {
      result.strange += 1;
      continue;
    }
    result.images += images;
    result.usd += usd;
    if (seen.has(key)) result.twice += 1;
    seen.add(key);
  }
  return result;
}
