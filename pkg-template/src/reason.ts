/** How deep causes are followed: a wrapper's, the fetch's, the host's. */
const DEEPEST = 2;

/** An error, of which nothing is certain: a caller's own fetch may throw anything. */
type Thrown = Readonly<Record<"message" | "code" | "syscall" | "cause" | "errors", unknown>> | null | undefined;

/** A name as hosts make them: `ECONNRESET`, `read`. */
const isName = (value: unknown): value is string => typeof value === "string" && /^\w{2,64}$/.test(value);

/** Adds the codes of an error and of its causes, each with its system call; of an AggregateError those of all its errors. Returns the innermost message. */
const collect = (error: Thrown, codes: Set<string>, depth = 0): string => {
  if (error == null || depth > DEEPEST) return "";
  const { message, code, syscall, cause, errors } = error;
  if (Array.isArray(errors) && errors.length > 0) {
    for (const one of errors) {
      const its = new Set<string>();
      collect(one as Thrown, its, depth + 1);
      // One that says nothing must not pass for one that says the same as the others.
      for (const found of its.size > 0 ? its : ["UNKNOWN"]) codes.add(found);
    }
  } else if (isName(code)) codes.add(isName(syscall) ? `${code} ${syscall}` : code);
  return collect(cause as Thrown, codes, depth + 1) || (typeof message === "string" ? message : "");
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
    const codes = new Set<string>();
    const inner = collect(cause as Thrown, codes);
    const { message } = cause as NonNullable<Thrown>;
    const own = (typeof message === "string" && message) || "fetch failed";
    const more = [...codes].join(", ") || inner;
    return (more && more !== own ? `${own} (${more})` : own).replace(/\s+/g, " ").replace(/\?\S+/g, "?…");
  } catch {
    // Nothing at all, a getter that throws, or a list that is none.
    return "fetch failed";
  }
};
