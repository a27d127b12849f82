import type { Core, Fault, Host } from "./core.js";
import { createStart, type Order } from "./fetches.js";
import { toForm } from "./form.js";
import type { Generation } from "./generation.js";
import type { Guard } from "./guard.js";
import { reason } from "./reason.js";

/** The requests whose credentials or forms are awaited, by number: they outlive their core only to be dropped. */
export type Outgoing = Map<number, Order>;

/** Nobody wants that request any more. */
export const drop = (outgoing: Outgoing, number: number, guard: Guard): void => {
  const order = outgoing.get(number);
  outgoing.delete(number);
  if (order && guard.here(order.owner)) order.form?.abort();
};

/** Bits of a request's kind. */
const [REFRESH, POST, FORM] = [1, 2, 4];

/** Sends the requests of one core. */
export function createSend(generation: Generation, outgoing: Outgoing): Host["send"] {
  const {
    settings: { authorizers, fetch },
    guard,
    handles,
    stale,
  } = generation;
  const start = createStart(generation);
  // It may have been given up meanwhile.
  const isAwaited = (order: Order): boolean => outgoing.get(order.number) === order;
  const later = (owner: number, input: (core: Core) => void): void => {
    if (stale()) guard.wakeSoon(owner);
    else guard.run(owner, () => guard.everyone(), input, { again: () => !stale(), weight: 1 / 8 });
  };
  const fail = (order: Order, fault: Fault, message: string, cause: unknown): void => {
    if (!isAwaited(order)) return;
    const live = guard.tasks.get(order.task);
    if (live) live.trouble = cause;
    outgoing.delete(order.number);
    later(order.owner, (core) => core.failed(order.number, fault, message));
  };
  const noKey = (order: Order, cause: unknown): void =>
    fail(order, 2, "The apiKey function threw or returned no usable key: see `cause`.", cause);
  const begin = (order: Order, body: string | FormData | undefined): void =>
    later(order.owner, (core) => {
      if (!isAwaited(order)) return;
      core.begin(order.number);
      outgoing.delete(order.number);
      start(order, body);
    });
  /** Its credential is there. */
  const make = (order: Order): void => {
    if (!isAwaited(order)) return;
    if (!order.form) return begin(order, order.body);
    const held = (handle: number): unknown => handles.get(handle);
    const fetchImage = fetch ?? ((url, init) => globalThis.fetch(url, init));
    toForm(order.body!, held, fetchImage, order.form.signal).then(
      (made) => begin(order, made),
      (cause: unknown) => fail(order, 3, reason(cause), (cause as Error).cause),
    );
  };

  /** With its provider's credential. */
  const authorize = (order: Order, refresh: boolean): 0 | 1 => {
    try {
      const done = authorizers[order.provider]!(order.headers, refresh);
      if (done === true && !order.form) return start(order, order.body);
      outgoing.set(order.number, order);
      if (done === true) make(order);
      else
        done.then(
          () => make(order),
          (cause: unknown) => noKey(order, cause),
        );
    } catch (cause) {
      outgoing.set(order.number, order);
      queueMicrotask(() => noKey(order, cause));
    }
    return 0;
  };

  return (number, task, part, purpose, provider, kind, limit, head, body) => {
    if (stale()) return 0;
    const owner = guard.context ?? 0;
    const [url = "", ...fields] = head.split("\n");
    const headers: Record<string, string> = {};
    for (let at = 0; at < fields.length; at += 2) headers[fields[at]!] = fields[at + 1]!;
    const method = kind & POST ? "POST" : "GET";
    const form = kind & FORM ? new AbortController() : undefined;
    const order: Order = { number, task, part, purpose, provider, limit, owner, method, url, headers, body, form };
    return provider < 0 ? start(order, body) : authorize(order, (kind & REFRESH) !== 0);
  };
}
