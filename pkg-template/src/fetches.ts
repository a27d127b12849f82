import { readBody, toAnswer, type Body } from "./body.js";
import type { BodyKind, Core, Purpose } from "./core.js";
import type { Generation, Signal } from "./generation.js";
import type { Call } from "./guard.js";
import { mediaTypeOf } from "./media.js";
import { patience } from "./patience.js";
import { reason } from "./reason.js";

/** A request as the core describes it. */
export interface Order {
  readonly number: number;
  readonly task: number;
  readonly owner: number;
  readonly part: number;
  readonly purpose: Purpose;
  /** Whose credential goes with it; below zero: nobody's. */
  readonly provider: number;
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
  /** Where its body describes a form: gives up what that form needs. */
  readonly form: AbortController | undefined;
  /** How many bytes of its answer's body are read. */
  readonly limit: number;
}

/** Starts the fetch of a request, with a form in the place of its body where that describes one. */
export type Start = (order: Order, body: string | FormData | undefined) => 1;

/** A request that has left. */
interface Sent extends Call {
  readonly order: Order;
  readonly signal: Signal;
  readonly since: number;
}

/** A signal serves so many requests at most, for a fetch may leave a listener on each. */
const MOST_USES = 8;
const NOTHING = new Uint8Array(0);
/** What was read to its end. */
const isWhole = (kind: number): boolean => kind === 4 || kind === 6;
const isAborted = (sent: Sent): boolean => sent.controller.signal.aborted;

/** The fetches of one core: from their start until the core has been told what came of them. */
export function createStart({ settings, guard, number: generation, stale, now, handles, signals }: Generation): Start {
  const { fetch, listens, emit, log } = settings;
  /** The headers that the core reads, and its numbers for them. */
  let names: Map<string, number> | undefined;

  const start: Start = (order, body) => {
    const { number, task, owner, part, purpose } = order;
    const signal = (owner === 0 && signals.pop()) || { controller: new AbortController(), uses: 0 };
    const { controller } = signal;
    // Not a spread of all that the order has: that was a twentieth of a task's work.
    const sent: Sent = { order, task, owner, part, purpose, signal, controller, since: now() };
    guard.lastCall = Math.max(guard.lastCall, number);
    guard.calls.set(number, sent);
    const live = guard.tasks.get(task);
    if (live) live.trouble = undefined;
    if (purpose === 0) live?.sent.push(part);
    let promise: Promise<Response>;
    try {
      // From here on it may be given up, if need be by the fetch itself.
      promise = (fetch ?? globalThis.fetch)(order.url, {
        method: order.method,
        headers: new Headers(order.headers),
        redirect: order.provider < 0 ? "follow" : "manual",
        signal: controller.signal,
        ...(body !== undefined && { body }),
        // After the headers: with the first of them Node loads its fetch.
        ...(!fetch && patience()),
      });
    } catch (cause) {
      promise = Promise.reject(cause);
    }
    void arrive(sent, promise);
    return 1;
  };

  const arrive = async (sent: Sent, promise: Promise<Response>): Promise<void> => {
    const { order, signal } = sent;
    const { number } = order;
    let response: Response;
    let headers: [name: string, value: string][];
    let body: Body;
    try {
      response = await promise;
      body = await readBody(response, order.limit);
      // Here, since a fetch may give what is no Response at all; further down that would look like a trap.
      headers = [...response.headers];
      tell(sent, response);
    } catch (cause) {
      tell(sent);
      const fault = isAborted(sent) ? 1 : 0;
      const live = guard.tasks.get(sent.task);
      if (live && !fault) live.trouble = cause;
      return guard.arrive(number, sent, (core) => core.failed(number, fault, reason(cause)));
    }
    guard.arrive(number, sent, (core) => answer(core, order, response.status, headers, body));
    if (isWhole(body[0]) && sent.owner === 0 && !isAborted(sent) && ++signal.uses < MOST_USES) signals.push(signal);
  };

  /** Tells those who listen how it went. */
  const tell = (sent: Sent, response?: Response): void => {
    const isHeard = !isAborted(sent) && listens("http");
    if (stale() || !(isHeard || log.isDebug)) return;
    const ms = now() - sent.since;
    const { method, url } = sent.order;
    const address = url.split("?")[0]!;
    const outcome = isAborted(sent) ? "given up" : (response?.status ?? "no answer");
    if (log.isDebug) log("debug", `${method} ${address}: ${outcome} after ${Math.round(ms)} ms`);
    if (!isHeard) return;
    const [status, requestId] = [response?.status, response?.headers.get("x-request-id")];
    emit("http", { method, url: address, ...(status && { status }), ms, ...(requestId && { requestId }) });
  };

  /** Gives the core an answer, of which images stay on this side. */
  const answer = (
    core: Core,
    order: Order,
    status: number,
    headers: readonly [string, string][],
    [kind, bytes]: Body,
  ): void => {
    names ??= new Map(
      core
        .headers()
        .split(" ")
        .map((name, number) => [name, number]),
    );
    const lines = headerLines(names, headers);
    let holds = false;
    // In the name of the core, as of a task below zero.
    const hold = (value: string): number => {
      holds = true;
      return handles.hold(-generation, value);
    };
    let [what, content, handle]: [BodyKind, Uint8Array, number] = [kind, bytes ?? NOTHING, 0];
    // Some relays answer with the picture itself where JSON was due.
    if (kind === 4 && (order.purpose === 2 || mediaTypeOf(bytes!)))
      // A task that has been cancelled as it came will never let go of it.
      [content, handle] = [bytes!.subarray(0, 64), guard.tasks.has(order.task) ? handles.hold(order.task, bytes) : 0];
    else if (kind === 8 && order.purpose === 2) [what, content] = [3, NOTHING];
    else if (kind === 4 || kind === 8) [what, content = NOTHING] = toAnswer(bytes!, hold, kind === 8);
    try {
      core.answer(order.number, status, lines, what, content, handle);
    } finally {
      // Those that are images have been kept meanwhile; the others can go.
      if (holds) handles.drop(-generation);
    }
  };

  return start;
}

/** What the core reads of some headers: the number and the value of each, in lines. */
const headerLines = (numbers: ReadonlyMap<string, number>, headers: readonly [string, string][]): string => {
  let lines = "";
  for (const [name, value] of headers) {
    const number = numbers.get(name);
    if (number !== undefined) lines += `${number} ${value}\n`;
  }
  return lines;
};
