// Where neither the DOM library nor a host's own types are there, these names exist all the same; where they are, empty declarations add nothing.
declare global {
  interface AbortSignal {}
  interface Blob {}
  interface Response {}
  interface URL {}
}

/** What the host's own fetch takes; a function type alone, for hosts add members to theirs and a mock has none. */
type FetchParameters = typeof globalThis extends { fetch: (...parameters: infer P) => unknown }
  ? P
  : [input: any, init?: any];
/** A `fetch` of your own: for a proxy, for instrumentation, for tests. */
export type Fetch = (...parameters: FetchParameters) => Promise<Response>;

/** Bytes of an image: a `Uint8Array`, with an `ArrayBuffer` behind it where TypeScript can say so. */
export type Bytes = ReturnType<typeof Uint8Array.of>;
