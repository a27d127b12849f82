import { readBody } from "./body.js";
import { fromBase64, imageBrand, mediaTypeOf } from "./media.js";
import type { Fetch, Image } from "./types.js";

/** The most bytes of an image that goes in: providers take at most 50 MB. */
const MOST_BYTES = 50_000_000;

interface Description {
  fields: Record<string, unknown>;
  files: { name: string; handle?: number; url?: string }[];
}

/**
 * Makes the form that the core describes.
 *
 * @param held what a handle stands for
 * @throws an Error whose message says which image could not be had
 */
export async function toForm(text: string, held: (handle: number) => unknown, fetch: Fetch): Promise<FormData> {
  const { fields, files } = JSON.parse(text) as Description;
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    form.append(name, typeof value === "string" ? value : JSON.stringify(value));
  }
  for (const { name, handle, url } of files) {
    const bytes = handle === undefined ? await download(url!, fetch) : await bytesOf(held(handle));
    // Its own bytes rather than what it was called: a part of the wrong type is refused ("unsupported mimetype").
    const type = mediaTypeOf(bytes);
    if (!type) throw new Error(`${name}: is not an image (PNG, JPEG, WebP, GIF or AVIF)`);
    if (bytes.length > MOST_BYTES) throw new Error(`${name}: is larger than 50 MB`);
    form.append(name, new Blob([bytes], { type }), `image.${type.slice(6)}`);
  }
  return form;
}

async function bytesOf(input: unknown): Promise<Uint8Array<ArrayBuffer>> {
  if (typeof input === "string") {
    const comma = input.indexOf(",");
    try {
      if (/;base64$/i.test(input.slice(0, comma))) return fromBase64(input.slice(comma + 1));
    } catch {
      // Said below, for those that are no base64 as for those that do not say that they are.
    }
    throw new Error("a data URL of the images is not base64");
  }
  if (input instanceof Uint8Array) return new Uint8Array(input);
  if (typeof input !== "object" || input === null) throw new Error("an image of the request is no longer there");
  return imageBrand in input
    ? (input as unknown as Image).bytes()
    : new Uint8Array(await (input as Blob).arrayBuffer());
}

async function download(url: string, fetch: Fetch): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url, { credentials: "omit" });
  const [kind, value] = await readBody(response, MOST_BYTES, true);
  if (response.ok && kind === 4) return value as Uint8Array<ArrayBuffer>;
  throw new Error(`an image of the request could not be fetched (status ${response.status})`);
}
