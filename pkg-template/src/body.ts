import type { BodyKind } from "./core.js";

/** How much of an answer that is not JSON is shown to the core, in characters. */
const TEXT_HEAD = 4096;

export type Body = readonly [kind: BodyKind, value?: unknown];

const parseText = (text: string): Body => {
  try {
    return [0, JSON.parse(text)];
  } catch {
    return [1, text.slice(0, TEXT_HEAD)];
  }
};

// Announced and not come. Across origins content-encoding is hidden and the length is that of the encoded body, so there the browser's own check must do.
const isShort = (response: Response, size: number): boolean =>
  response.type !== "cors" &&
  !response.headers.get("content-encoding") &&
  size < Number(response.headers.get("content-length") ?? 0);

/** Reads up to `limit` bytes, counted as they stream in; `undefined` is more. Rejects when the stream breaks. */
async function readBytes(response: Response, limit: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (response.body === undefined) {
    // Hosts without streams.
    const bytes = new Uint8Array(await response.arrayBuffer());
    return bytes.length > limit ? undefined : bytes;
  }
  if (response.body === null) return new Uint8Array(0);
  const reader = response.body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (let step; !(step = await reader.read()).done;) {
    size += step.value.length;
    if (size > limit) {
      reader.cancel().catch(() => {});
      return undefined;
    }
    chunks.push(step.value);
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/**
 * Reads an answer as the core wants it. Never rejects.
 *
 * @param limit in bytes
 * @param binary leave the bytes as they are; else the body is text
 */
export async function readBody(response: Response, limit: number, binary: boolean): Promise<Body> {
  if (response.type === "opaqueredirect" || (response.status >= 300 && response.status < 400)) {
    response.body?.cancel().catch(() => {});
    return [5];
  }
  let bytes;
  try {
    bytes = await readBytes(response, limit);
  } catch {
    return [3];
  }
  if (!bytes) return [2];
  if (isShort(response, bytes.length)) return [3];
  if (bytes.length === 0) return [6];
  if (binary) return [4, bytes];
  try {
    return parseText(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return [3];
  }
}
