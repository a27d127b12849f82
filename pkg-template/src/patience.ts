/** What an undici dispatches requests by. */
interface Dispatcher {
  readonly isMockActive?: boolean;
  dispatch(options: object, handler: unknown): boolean;
}

type Host = Record<symbol, Dispatcher | undefined> & {
  readonly process?: { readonly versions?: Readonly<Record<string, string | undefined>> };
};

const known = new WeakMap<Dispatcher, Dispatcher>();

/** The same dispatcher, be it a proxy's or a mock, told for each request that nothing but its signal ends it (undici: `headersTimeout`, `bodyTimeout`). */
const patientOf = (dispatcher: Dispatcher): Dispatcher => {
  let patient = known.get(dispatcher);
  if (!patient) {
    patient = {
      get isMockActive() {
        return dispatcher.isMockActive === true;
      },
      dispatch: (options, handler) => dispatcher.dispatch({ ...options, headersTimeout: 0, bodyTimeout: 0 }, handler),
    };
    known.set(dispatcher, patient);
  }
  return patient;
};

/** Node's global dispatcher; it is there once one of the classes of its fetch has been used. The symbol's number is that of its interface, which changed with undici 8. */
const dispatcherOf = (host: Host, undici: string): Dispatcher | undefined =>
  host[Symbol.for(`undici.globalDispatcher.${parseInt(undici) < 8 ? 1 : 2}`)];

/** What the host's own fetch has to be told besides, so that our time-outs decide. */
export const patience = (host = globalThis as unknown as Host): object | undefined => {
  const { undici, bun } = host.process?.versions ?? {};
  // https://github.com/oven-sh/bun/pull/6217
  if (bun) return { timeout: false };
  const dispatcher = undici && dispatcherOf(host, undici);
  return dispatcher ? { dispatcher: patientOf(dispatcher) } : undefined;
};
