// What the fields of a simulator's configuration may be.

export function refuse(field: string, problem: string): never {
  throw new TypeError(`createSimulator: ${field} ${problem}`);
}

export type Rule = (value: unknown, field: string) => void;
export const rule =
  (fits: (value: unknown) => boolean, problem: string): Rule =>
  (value, field) => {
    if (!fits(value)) refuse(field, problem);
  };
export const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const isTime = (value: unknown): value is number => typeof value === "number" && value >= 0 && value < 2 ** 53;
/** Counts of the world have 32 bits. */
export const isCount = (value: unknown): boolean => Number.isInteger(value) && isTime(value) && value < 2 ** 32;
export const limit = rule((v) => v === Infinity || isCount(v), "must be a whole number of at least 0, or Infinity");
export const share = rule((v) => typeof v === "number" && v >= 0 && v <= 1, "must be a number from 0 to 1");
export const latency = rule(isTime, "must be a number of ms");
export const oneOf = (...values: unknown[]): Rule =>
  rule((v) => values.includes(v), `must be one of ${values.join(", ")}`);

export function check(value: unknown, rules: Record<string, Rule>, at = ""): void {
  if (!isObject(value)) refuse(at || "config", "must be an object");
  for (const [name, field] of Object.entries(value)) {
    const path = at ? `${at}.${name}` : name;
    if (!Object.hasOwn(rules, name)) refuse(path, `is not a field; there are ${Object.keys(rules).join(", ")}`);
    if (field !== undefined) rules[name]!(field, path);
  }
}
