import { InvalidRequestError } from "./errors.js";

/** Throws an InvalidRequestError that names `param` unless the value is fit. */
export type Rule = (value: unknown, param: string) => void;
export type Shape = Record<string, Rule>;

export function refuse(param: string, problem: string, cause?: unknown): never {
  throw new InvalidRequestError({ message: `${param}: ${problem}`, param, ...(cause === undefined ? {} : { cause }) });
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/** What options of other libraries, and our own at another place, are called here. */
const elsewhere: Record<string, string> = {
  maxRetries: "retry.maxRetries",
  abortSignal: "signal",
  timeoutMs: "timeout",
  concurrency: "limits.concurrency` of the provider, as in `hiapi({ limits })",
  apiKey: "providers: hiapi({ apiKey })",
  baseURL: "providers: hiapi({ baseURL })",
};

/** The option that was meant, by the table or by its first three letters. */
const meant = (name: string, shape: Shape): string => {
  const start = name.slice(0, 3).toLowerCase();
  const near = Object.keys(shape).find((known) => start.length > 2 && known.toLowerCase().startsWith(start));
  const known = Object.hasOwn(elsewhere, name) ? elsewhere[name] : near;
  return known ? `; did you mean \`${known}\`?` : "";
};

/** A value as it may be shown: not what could be a secret, and not at length. */
const show = (value: unknown, param: string): string =>
  /^(apiKey|headers)/.test(param) || !/string|number|boolean/.test(typeof value)
    ? ""
    : `, and is ${typeof value === "string" ? JSON.stringify(value.slice(0, 60)) : value}`;

/** Checks names, types and ranges; `undefined` counts as left out. */
export function check(value: unknown, shape: Shape, at = ""): void {
  if (!isObject(value)) refuse(at || "options", "must be an object");
  for (const [name, field] of Object.entries(value)) {
    const param = at ? `${at}.${name}` : name;
    if (!Object.hasOwn(shape, name)) refuse(param, `is not an option${meant(name, shape)}`);
    if (field !== undefined) shape[name]!(field, param);
  }
}

const rule =
  (fits: (value: unknown) => boolean, problem: string): Rule =>
  (value, param) => {
    if (!fits(value)) refuse(param, problem + show(value, param));
  };

const isNumber = (value: unknown, low: number): boolean =>
  typeof value === "number" && value >= low && value <= Number.MAX_SAFE_INTEGER;
const whole = (low: number): Rule =>
  rule((v) => Number.isInteger(v) && isNumber(v, low), `must be a whole number of at least ${low}`);
const duration = rule((v) => isNumber(v, 0) && v !== 0, "must be a positive number of milliseconds");
const flag = rule((v) => typeof v === "boolean", "must be true or false");
const callable = rule((v) => typeof v === "function", "must be a function");
const text = rule((v) => typeof v === "string" && v !== "", "must be a string that is not empty");
const oneOf = (...values: unknown[]): Rule => rule((v) => values.includes(v), `must be one of ${values.join(", ")}`);
const unlimited =
  (bounded: Rule): Rule =>
  (value, param) => {
    if (value !== Infinity) bounded(value, param);
  };
const nested =
  (shape: Shape): Rule =>
  (value, param) =>
    check(value, shape, param);
const having = (...methods: string[]): Rule =>
  rule(
    (v) => isObject(v) && methods.every((method) => typeof v[method] === "function"),
    `must have ${methods.join(", ")}`,
  );
const each =
  (of: Rule): Rule =>
  (value, param) => {
    if (!isObject(value)) refuse(param, "must be an object");
    for (const [name, field] of Object.entries(value)) of(field, `${param}.${name}`);
  };
/** What the contract names and this version lacks: taken where it asks for what happens anyhow. */
const later = (...usual: string[]): Rule =>
  rule((v) => usual.includes(JSON.stringify(v)), "is not there yet in this version");

// What a header can carry: no control characters (CR, LF, NUL), nothing beyond Latin-1.
export const isHeaderText = (value: unknown): value is string =>
  typeof value === "string" && /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
const headerText = rule(isHeaderText, "must be text without line breaks or control characters, within Latin-1");
const headers: Rule = (value, param) => {
  each(headerText)(value, param);
  for (const name of Object.keys(value as object)) {
    if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(name))
      refuse(param, `has a name that no header can have: ${JSON.stringify(name)}`);
    if (/^(content-(type|length)|idempotency-key|host)$/i.test(name))
      refuse(`${param}.${name}`, "is set by the client");
  }
};

const retry = nested({
  maxRetries: whole(0),
  maxRateLimitRetries: unlimited(whole(0)),
  base: duration,
  cap: duration,
  maxRetryAfter: unlimited(rule((v) => isNumber(v, 0), "must be a number of milliseconds")),
  ambiguous: oneOf("never", "if-idempotent", "always"),
});

const shared: Shape = {
  retry,
  timeout: duration,
  deadline: duration,
  maxWait: unlimited(rule((v) => isNumber(v, 0), "must be a number of milliseconds, or Infinity")),
  budget: later(),
};

const isStore = having("get", "put", "delete", "all");
export const clientShape: Shape = {
  ...shared,
  providers: rule(isObject, "must be a provider, or several by name"),
  aliases: later("false", "{}"),
  routes: later("{}"),
  store: (value, param) => {
    if (value !== "auto" && value !== "memory") isStore(value, param);
  },
  coordination: later('"process"'),
  fetch: callable,
  converter: callable,
  logger: having("error", "warn", "info", "debug"),
  logLevel: oneOf("off", "error", "warn", "info", "debug"),
  dangerouslyAllowBrowser: flag,
  testing: nested({
    seed: whole(0),
    clock: (value, param) => {
      having("now", "setTimeout")(value, param);
      const { wall } = value as { wall?: unknown };
      if (wall !== undefined) callable(wall, `${param}.wall`);
    },
  }),
};

const signal = rule(
  (v) => isObject(v) && typeof v["aborted"] === "boolean" && typeof v["addEventListener"] === "function",
  "must be an AbortSignal",
);
export const listenShape: Shape = { signal };

const dollars = rule((v) => isNumber(v, 0) && v !== 0, "must be a positive number of US dollars");
const budget: Rule = (value, param) => {
  if (!isObject(value)) return dollars(value, param);
  check(value, { amount: dollars, per: oneOf("day", "month") }, param);
  for (const name of ["amount", "per"]) if (value[name] === undefined) refuse(`${param}.${name}`, "is missing");
};
export const probeShape: Shape = {
  max: whole(1),
  budget,
  provider: text,
  signal,
};

export const callShape: Shape = {
  ...shared,
  signal,
  download: flag,
  idempotencyKey: (value, param) => {
    text(value, param);
    headerText(value, param);
  },
  priority: oneOf("interactive", "batch"),
  tenant: text,
  weight: rule((v) => isNumber(v, 0) && v !== 0, "must be a positive number"),
  route: later("false"),
  metadata: each(rule((v) => typeof v === "string", "must be a string")),
};

const { idempotencyKey: _, ...ofBatch } = callShape;
export const batchShape: Shape = { ...ofBatch, id: text, order: oneOf("completion", "input") };

const learning: Rule = (value, param) => {
  check(value, { start: whole(1), max: unlimited(whole(1)) }, param);
  const { start = 1, max = Infinity } = value as { start?: number; max?: number };
  if (start > max) refuse(`${param}.start`, "must not be more than max");
};

export const providerShape: Shape = {
  apiKey: (value, param) => {
    if (typeof value === "function") return;
    text(value, param);
    headerText(value, param);
  },
  baseURL: rule((v) => typeof v === "string" || v instanceof URL, "must be a string or a URL"),
  headers,
  allowInsecure: flag,
  prices: each(rule((v) => isNumber(v, 0), "must be a number of US dollars")),
  account: text,
  limits: nested({
    concurrency: (value, param) => {
      if (isObject(value)) learning(value, param);
      else if (value !== "learn")
        rule(
          (v) => Number.isInteger(v) && isNumber(v, 1),
          'must be a whole number of at least 1, "learn" or { start, max }',
        )(value, param);
    },
    rpm: whole(1),
    rpd: whole(1),
    counts: oneOf("task", "request", "image"),
    scope: oneOf("key", "model"),
  }),
};

/** A copy without what is left out; Infinity is what most limits are without, so it is left out too. */
export function compact<T extends object>(options: T, keep?: keyof T): T {
  const copy = {} as T;
  for (const name of Object.keys(options) as (keyof T)[]) {
    const value = options[name];
    if (value !== undefined && (value !== Infinity || name === keep)) copy[name] = value;
  }
  return copy;
}
