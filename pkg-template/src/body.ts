import type { BodyKind } from "./core.js";

/** How much of an answer that is not JSON is shown to the core, in characters. */
const TEXT_HEAD = 4096;
/** How much of a string that stays here: the base64 of 48 bytes, in which every kind of image shows itself. */
const HELD_HEAD = 64;

/** No string of so few bytes stays on this side: the core reads such answers by itself. */
const SHORT = 4096;
/** So many bytes may go in beyond that: a core's memory never shrinks again, and 1 MiB of an answer grows to hardly more by what it is marked with. */
const MOST_BYTES = 4 << 20;

export type Body = readonly [kind: BodyKind, bytes?: Uint8Array<ArrayBuffer>];

// Announced and not come. Across origins content-encoding is hidden and the length is that of the encoded body, so there the browser's own check must do.
const isShort = (response: Response, size: number): boolean =>
  size < Number(response.headers.get("content-length") ?? 0) &&
  response.type !== "cors" &&
  !response.headers.get("content-encoding");

/** Chunks as one. */
const join = (chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
};

/** Reads an answer, up to `limit` bytes, counted as they stream in, as they are. Never rejects. */
export async function readBody(response: Response, limit: number): Promise<Body> {
  if (response.type === "opaqueredirect" || (response.status >= 300 && response.status < 400)) {
    response.body?.cancel().catch(() => {});
    return [5];
  }
  let size = 0;
  let bytes: Uint8Array<ArrayBuffer> | undefined;
  // One function and not two: each has a promise of its own, at every request.
  try {
    if (response.body === undefined) {
      // Hosts without streams.
      bytes = new Uint8Array(await response.arrayBuffer());
      size = bytes.length;
    } else if (response.body) {
      const reader = response.body.getReader();
      const chunks: Uint8Array[] = [];
      for (let step; !(step = await reader.read()).done;) {
        size += step.value.length;
        if (size > limit) {
          reader.cancel().catch(() => {});
          return [2];
        }
        chunks.push(step.value);
      }
      bytes = join(chunks, size);
    }
  } catch {
    return [3];
  }
  if (size > limit) return [2];
  if (isShort(response, size)) return [3];
  return bytes && size > 0 ? [4, bytes] : [6];
}

const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/**
 * An answer that is no picture as the core wants it. JavaScript parses a long one, so that image data in it need not go into the core and back.
 *
 * @param hold keeps a string on this side, under the number that it returns
 */
export function toAnswer(bytes: Uint8Array<ArrayBuffer>, hold: (value: string) => number): Body {
  if (bytes.length <= SHORT) return [0, bytes];
  let text;
  let tree: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return [3];
  }
  try {
    tree = JSON.parse(text);
  } catch {
    return [1, encode(text.slice(0, TEXT_HEAD))];
  }
  // Every string has a mark, so that none can pass for what is kept here.
  const mark = (_: string, value: unknown): unknown =>
    typeof value !== "string"
      ? value
      : value.length > SHORT
        ? `h${hold(value)} ${value.slice(0, HELD_HEAD)}`
        : `t${value}`;
  try {
    const content = encode(JSON.stringify(tree, mark));
    return content.length > MOST_BYTES ? [2] : [7, content];
  } catch {
    return [2]; // Too deep.
  }
}
