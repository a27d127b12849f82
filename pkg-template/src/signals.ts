/** What is done when a signal aborts, and the one listener that does it. */
const watched = new WeakMap<AbortSignal, { acts: Set<() => void>; listener: () => void }>();

/**
 * Acts when a signal aborts. However many calls a signal is given to, it has one listener, and none once they are all over: hosts warn of a leak from the
 * eleventh listener on.
 *
 * @returns what forgets it
 */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  let known = watched.get(signal);
  if (!known) {
    const acts = new Set<() => void>();
    watched.set(signal, (known = { acts, listener: () => [...acts].forEach((each) => each()) }));
  }
  const { acts, listener } = known;
  if (acts.size === 0) signal.addEventListener("abort", listener);
  acts.add(act);
  return () => {
    if (acts.delete(act) && acts.size === 0) signal.removeEventListener("abort", listener);
  };
}
