/** What an undici, of which Node's fetch is made, sends requests by: an agent, a proxy, a mock. */
interface Dispatcher {
  readonly isMockActive?: boolean;
  dispatch(options: object, handler: unknown): boolean;
}

type Host = Readonly<Record<symbol, Dispatcher | undefined>> & {
  readonly process?: { readonly versions?: Readonly<Record<string, string | undefined>> };
  readonly navigator?: { readonly userAgent?: string };
};

/**
 * What a host's own fetch has to be told besides, so that our time-outs decide how long it waits: Node's and Bun's give up after 300 s without a byte.
 *
 * Node's is told for each request, through the dispatcher that is set (undici: `headersTimeout`, `bodyTimeout` of a dispatch), so that a user's proxy
 * stays in the way. It is there once a class of the fetch has been used; its symbol's number is that of its interface, which changed with undici 8.
 */
export const patience = (host = globalThis as unknown as Host): object | undefined => {
  const { undici, bun } = host.process?.versions ?? {};
  // https://github.com/oven-sh/bun/pull/6217
  if (bun) return { timeout: false };
  const dispatcher = undici && host[Symbol.for(`undici.globalDispatcher.${parseInt(undici) < 8 ? 1 : 2}`)];
  if (!dispatcher) return undefined;
  const { isMockActive } = dispatcher;
  const dispatch: Dispatcher["dispatch"] = (options, handler) =>
    dispatcher.dispatch({ ...options, headersTimeout: 0, bodyTimeout: 0 }, handler);
  return { dispatcher: { isMockActive, dispatch } };
};

/**
 * When a fetch may give up a wait by a limit that we can't lift, ms: a caller's own in Node and Bun, where it most likely passes on to the host's; Firefox's
 * (`network.http.response.timeout`).
 */
export const limitOf = (own: boolean, host = globalThis as unknown as Host): number | undefined => {
  const { undici, bun } = host.process?.versions ?? {};
  const limited = own ? (undici ?? bun) : /Firefox/.test(host.navigator?.userAgent ?? "");
  return limited ? 300_000 : undefined;
};
