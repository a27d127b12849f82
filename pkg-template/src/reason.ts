/** How deep causes are followed: a wrapper's, the fetch's, the host's. */
const DEEPEST = 2;

const read = (value: unknown, name: string): unknown => (value as Record<string, unknown> | null | undefined)?.[name];
/** A name as hosts make them: `ECONNRESET`, `read`. */
const nameIn = (value: unknown, field: string): string | undefined => {
  const name = read(value, field);
  return typeof name === "string" && /^\w{2,64}$/.test(name) ? name : undefined;
};

/** The codes of an error and of its causes, each with its system call. An AggregateError has those of all its errors instead of its own. */
const codes = (error: unknown, depth = 0): string[] => {
  if (error == null || depth > DEEPEST) return [];
  const [errors, code, syscall] = [read(error, "errors"), nameIn(error, "code"), nameIn(error, "syscall")];
  const own = code ? [syscall ? `${code} ${syscall}` : code] : [];
  // One that says nothing must not pass for one that says the same as the others.
  const each = (one: unknown): string[] => {
    const found = codes(one, depth + 1);
    return found.length > 0 ? found : ["UNKNOWN"];
  };
  const all = Array.isArray(errors) && errors.length > 0 ? errors.flatMap(each) : own;
  return [...all, ...codes(read(error, "cause"), depth + 1)];
};

/** What the innermost cause says. */
const innermost = (error: unknown, depth = 0): string => {
  const cause = depth < DEEPEST ? read(error, "cause") : undefined;
  const message = read(error, "message");
  return (cause == null ? "" : innermost(cause, depth + 1)) || (typeof message === "string" ? message : "");
};

/**
 * Why a fetch failed, in the words from which the core tells whether the request has left (`src/fetch_failure.rs`).
 *
 * `MESSAGE (CODE SYSCALL, CODE …)`: the error's message, then the distinct codes of the error, of its causes (two levels) and of the errors of an
 * AggregateError, each with its system call where there is one: `fetch failed (EHOSTUNREACH connect)`, `fetch failed (ENETUNREACH connect,
 * ECONNREFUSED connect)`. Where nothing has a code, the innermost cause's message stands there: `fetch failed (bad port)`. Causes may be plain
 * objects. Of URLs the queries are left out, which may be signatures.
 */
export const reason = (cause: unknown): string => {
  try {
    const told = read(cause, "message");
    const message = (typeof told === "string" && told) || "fetch failed";
    const more = [...new Set(codes(cause))].join(", ") || innermost(cause);
    const words = more && more !== message ? `${message} (${more})` : message;
    return words.replace(/\s+/g, " ").replace(/\?\S+/g, "?…");
  } catch {
    // A getter that throws, or a chain that is no chain.
    return "fetch failed";
  }
};
