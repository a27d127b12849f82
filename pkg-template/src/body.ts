import type { BodyKind } from "./core.js";

/** How much of a page is shown to the core, in characters: enough to see that it is one. */
const PAGE_HEAD = 4096;
/** How much of a string that stays here goes in: the base64 of 48 bytes, in which every kind of image shows itself. */
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

/** Whether a stream of events says that it is over, on a line of its own: within a text the words may stand wherever a piece happens to end. */
const isDone = (chunks: readonly Uint8Array[]): boolean => {
  let tail = "";
  for (let at = chunks.length - 1; at >= 0 && tail.length < 32; at--)
    tail = String.fromCharCode(...chunks[at]!.subarray(-32)) + tail;
  return /[\r\n]data: ?\[DONE\]\s*$/.test(tail);
};

/** Reads an answer, up to `limit` bytes, counted as they stream in, as they are. Never rejects. */
export async function readBody(response: Response, limit: number): Promise<Body> {
  if (response.type === "opaqueredirect" || (response.status >= 300 && response.status < 400)) {
    response.body?.cancel().catch(() => {});
    return [5];
  }
  let size = 0;
  let bytes: Uint8Array<ArrayBuffer> | undefined;
  const chunks: Uint8Array[] = [];
  const isStream = /event-stream/i.test(response.headers.get("content-type") ?? "");
  // One function and not two: each has a promise of its own, at every request.
  try {
    if (response.body === undefined) {
      // Hosts without streams.
      bytes = new Uint8Array(await response.arrayBuffer());
      size = bytes.length;
    } else if (response.body) {
      const reader = response.body.getReader();
      for (let step; !(step = await reader.read()).done;) {
        size += step.value.length;
        if (size > limit) {
          reader.cancel().catch(() => {});
          return [2];
        }
        chunks.push(step.value);
        if (isStream && isDone(chunks)) {
          // Some servers leave the connection of a stream open that they have said is over.
          reader.cancel().catch(() => {});
          break;
        }
      }
      bytes = join(chunks, size);
    }
  } catch {
    // What had come may be whole documents.
    return size > 0 && size <= limit ? [8, join(chunks, size)] : [3];
  }
  if (size > limit) return [2];
  if (isShort(response, size)) return [3];
  return bytes && size > 0 ? [4, bytes] : [6];
}

const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/**
 * An answer that is no picture as the core wants it: its text, in which long strings are cut out of a long one, so that image data need not go into
 * the core and back. What the text means is the core's to say, be it JSON, events or neither.
 *
 * @param hold keeps a string on this side, under the number that it returns
 * @param isCut its end is missing
 */
export function toAnswer(bytes: Uint8Array<ArrayBuffer>, hold: (value: string) => number, isCut = false): Body {
  if (bytes.length <= SHORT && !isCut) return [0, bytes];
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes).trimStart();
  } catch {
    return [3];
  }
  if (text.startsWith("<")) return [1, encode(text.slice(0, PAGE_HEAD))];
  const content = encode(cut(text, hold));
  return content.length > MOST_BYTES ? [2] : [isCut ? 8 : 7, content];
}

/** The mark of a string that is kept here. No JSON string has it unescaped, so nothing that comes can pass for what is held. */
const MARK = "\x01";

/** A text whose long JSON strings are held, with a mark, their number and their head in their place. */
const cut = (given: string, hold: (value: string) => number): string => {
  const text = given.includes(MARK) ? given.replaceAll(MARK, "\ufffd") : given;
  const lineEnd = /[\r\n]|$/g;
  let [kept, from, line] = ["", 0, -1];
  for (let at = text.indexOf('"'); at >= 0;) {
    let end = text.indexOf('"', at + 1);
    while (end >= 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
    if (end < 0) break;
    if (line < at) {
      lineEnd.lastIndex = at;
      line = lineEnd.exec(text)?.index ?? text.length;
    }
    if (line < end) {
      // A string ends on its line: this mark stands in a comment between events, or in what is no JSON.
      at = text.indexOf('"', line);
      continue;
    }
    if (end - at - 1 > SHORT) {
      try {
        const value = JSON.parse(text.slice(at, end + 1)) as string;
        const head = JSON.stringify(value.slice(0, HELD_HEAD)).slice(1);
        kept += `${text.slice(from, at)}"${MARK}${hold(value)} ${head}`;
        from = end + 1;
      } catch {
        // It is no string of JSON, which the core finds, too.
      }
    }
    at = text.indexOf('"', end + 1);
  }
  return kept + text.slice(from);
};

/** Whether an odd number of backslashes stands before this place. */
const isEscaped = (text: string, place: number): boolean => {
  let count = 0;
  while (text[place - 1 - count] === "\\") count++;
  return count % 2 === 1;
};
