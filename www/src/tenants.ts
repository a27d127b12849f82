/** One of those who share a key. */
export interface Tenant {
  name: string;
  /** The share of the slots, against those of the others that wait. */
  weight: number;
  /** How much of the work is this one's. */
  parts: number;
}

/** Three of them: the first asks for ten times the second's work, and the third has twice the weight. */
export const tenants: readonly Tenant[] = [
  { name: "Atlas", weight: 1, parts: 10 },
  { name: "Birch", weight: 1, parts: 1 },
  { name: "Coral", weight: 2, parts: 2 },
];

/** Whose each picture of a run is, the first one's work before all others'. */
export function assign(count: number): Tenant[] {
  const all = tenants.reduce((sum, { parts }) => sum + parts, 0);
  const [first, ...others] = tenants;
  const rest = others.flatMap((one) => Array<Tenant>(Math.max(1, Math.round((count * one.parts) / all))).fill(one));
  return first ? [...Array<Tenant>(Math.max(1, count - rest.length)).fill(first), ...rest].slice(-count) : rest;
}
