import type { Outcome } from "./simulator-world.js";
import type { SimulatorClock } from "./virtual-clock.js";

/** What answers requests. */
export interface Provider {
  /** The round trip of a request, in ms. */
  readonly latency: number;
  handle(method: string, path: string, headers: string[], body: Uint8Array): Outcome;
  /** Asks again for an answer that was not there yet. */
  resume(later: Outcome): Outcome;
  /** Nobody waits for it any more. */
  abandon(later: Outcome): void;
  /** Calls back when the answer may be there; returns what takes that back. */
  wait(later: Outcome, callback: () => void): () => void;
}

/** Bytes that arrive at once; bigger bodies come in several. */
const CHUNK = 65_536;
/** Statuses whose answers have no body, by the Fetch standard. */
const EMPTY = [101, 204, 205, 304];
/** Redirects that a fetch follows. */
const MOST_REDIRECTS = 20;

/** A fetch over a provider in this process. */
export function createFetch(provider: Provider, clock: SimulatorClock) {
  /** Until `start` calls back, or the request is given up. */
  const until = (signal: AbortSignal | undefined, start: (callback: () => void) => () => void): Promise<void> =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(reasonOf(signal));
      const abort = (): void => {
        cancel();
        reject(reasonOf(signal!));
      };
      const cancel = start(() => {
        signal?.removeEventListener("abort", abort);
        resolve();
      });
      signal?.addEventListener("abort", abort, { once: true });
    });
  /** Half of the round trip. */
  const travel = (signal: AbortSignal | undefined): Promise<void> =>
    until(signal, (callback) => clock.setTimeout(callback, provider.latency / 2));

  const send = async (request: Request, signal: AbortSignal | undefined, redirects: number): Promise<Response> => {
    const body = clock.hold(request.arrayBuffer());
    // A body that breaks is told below, or after an abort to nobody.
    body.catch(() => {});
    await travel(signal);
    const bytes = new Uint8Array(await body);
    const url = new URL(request.url);
    const path = pathOf(url);
    const headers = [...request.headers].flat();
    if (path.includes("/v1/") && !request.headers.has("authorization")) headers.push("authorization", "Bearer proxy");
    let outcome = provider.handle(request.method, path + url.search, headers, bytes);
    while (outcome.due !== undefined) {
      const later = outcome;
      await until(signal, (callback) => provider.wait(later, callback)).catch((reason: unknown) => {
        provider.abandon(later);
        throw reason;
      });
      outcome = provider.resume(later);
    }
    await travel(signal);
    if (outcome.status === 0) {
      throw new TypeError("fetch failed", {
        cause: Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }),
      });
    }
    const response = respond(outcome, request.url, signal, clock);
    const location = response.status === 307 && response.headers.get("location");
    if (!location || request.redirect === "manual") return response;
    if (request.redirect === "error" || redirects === MOST_REDIRECTS) throw new TypeError("fetch failed: redirected");
    const target = new URL(location, url);
    const onward = new Headers(request.headers);
    if (target.origin !== url.origin) onward.delete("authorization");
    const { method } = request;
    const again = new Request(target, { method, headers: onward, ...(method !== "GET" && { body: bytes }) });
    return send(again, signal, redirects + 1);
  };

  return async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    // A signal of another realm, as jsdom's is, makes Request throw.
    const { signal: given, ...rest } = init ?? {};
    const request = new Request(input, rest);
    const signal = given ?? (given === undefined && input instanceof Request ? input.signal : undefined);
    return send(request, signal, 0);
  };
}

/**
 * The path as the simulated providers have theirs: without what a proxy has before it. CreativeAI has OpenAI's paths, so it is told by its host or by the
 * prefix that the simulator's server has for it.
 */
const pathOf = ({ hostname, pathname }: URL): string => {
  const [, prefix = "", path] = /^.*?(\/creativeai)?(\/v1\/.*)$/.exec(pathname) ?? [];
  if (path === undefined) return pathname;
  return /creativeai/.test(hostname) ? `/creativeai${path}` : prefix + path;
};

const reasonOf = (signal: AbortSignal): unknown =>
  signal.reason ?? new DOMException("This operation was aborted", "AbortError");

function respond(outcome: Outcome, url: string, signal: AbortSignal | undefined, clock: SimulatorClock): Response {
  const { status, headers: flat } = outcome;
  const headers = new Headers();
  for (let index = 0; index < flat.length; index += 2) {
    try {
      headers.append(flat[index]!, flat[index + 1]!);
    } catch {
      // A lie that no header can hold is left out, as on the wire.
    }
  }
  const bytes = outcome.intoBody();
  const body = EMPTY.includes(status) ? null : stream(bytes, signal, clock);
  const response = new Response(body, { status, headers });
  return Object.defineProperty(response, "url", { value: url });
}

/** A body that is read piece by piece, during which time stands still, and that breaks when the request is aborted. */
function stream(bytes: Uint8Array, signal: AbortSignal | undefined, clock: SimulatorClock): ReadableStream<Uint8Array> {
  let sent = 0;
  let abort = (): void => {};
  const end = (): void => signal?.removeEventListener("abort", abort);
  return new ReadableStream(
    {
      start(controller) {
        abort = () => controller.error(reasonOf(signal!));
        signal?.addEventListener("abort", abort, { once: true });
      },
      pull(controller) {
        clock.touch();
        if (sent < bytes.length) {
          controller.enqueue(bytes.subarray(sent, (sent += CHUNK)));
        } else {
          end();
          controller.close();
        }
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );
}
