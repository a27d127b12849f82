import { readBody } from "./body.js";
import { fromBase64, imageBrand, mediaTypeOf } from "./media.js";
import type { Fetch } from "./types-host.js";
import type { Image } from "./types-image.js";

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
 * @param signal gives up what is being fetched
 * @throws an Error whose message says which image could not be had
 */
export async function toForm(
  text: string,
  held: (handle: number) => unknown,
  fetch: Fetch,
  signal: AbortSignal,
): Promise<FormData> {
  const { fields, files } = JSON.parse(text) as Description;
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    form.append(name, typeof value === "string" ? value : JSON.stringify(value));
  }
  for (const { name, handle, url } of files) {
    // Begins with the field of the request, by which the core names it.
    const field = name === "mask" ? "mask" : "images";
    try {
      const input = handle === undefined ? undefined : held(handle);
      const bytes = handle === undefined ? await download(url!, fetch, signal) : await bytesOf(input);
      // Its own bytes rather than what it was called: a part of the wrong type is refused ("unsupported mimetype").
      const type = mediaTypeOf(bytes);
      if (!type) throw new Error(whatElse(bytes));
      if (bytes.length > MOST_BYTES) throw new Error("is larger than 50 MB");
      form.append(name, new Blob([bytes], { type }), fileName(input, type.slice(6)));
    } catch (cause) {
      const { message = "could not be read", cause: why } = Object(cause) as Partial<Error>;
      throw new Error(`${field}: ${message}`, { cause: why });
    }
  }
  return form;
}

/** What is no picture that models take. */
const whatElse = (bytes: Uint8Array): string =>
  /^\s*(<\?xml|<!|<svg)/i.test(String.fromCharCode(...bytes.subarray(0, 64)))
    ? "is an SVG or a page: models take PNG, JPEG or WebP"
    : "is not an image (PNG, JPEG, WebP, GIF or AVIF)";

/** The name that a File has, with the ending of what its bytes are: servers tell the kind by that. */
const fileName = (input: unknown, kind: string): string => {
  const { name } = Object(input) as { name?: unknown };
  const [, stem = "image", end = ""] =
    /^([^]{1,200}?)(\.(?:png|jpe?g|webp|gif|avif))?$/i.exec(String(name || "image")) ?? [];
  return end.toLowerCase() === ".jpg" && kind === "jpeg" ? stem + end : `${stem}.${kind}`;
};

async function bytesOf(input: unknown): Promise<Uint8Array<ArrayBuffer>> {
  if (typeof input === "string") {
    const comma = input.indexOf(",");
    try {
      if (/;base64$/i.test(input.slice(0, comma))) return fromBase64(input.slice(comma + 1));
    } catch {
      // Said below, for those that are no base64 as for those that do not say that they are.
    }
    throw new Error("is a data URL that is not base64");
  }
  // A copy of our own already, made when the request came.
  if (input instanceof Uint8Array) return input as Uint8Array<ArrayBuffer>;
  if (typeof input !== "object" || input === null) throw new Error("is no longer there");
  return imageBrand in input
    ? (input as unknown as Image).bytes()
    : new Uint8Array(await (input as Blob).arrayBuffer());
}

async function download(url: string, fetch: Fetch, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url, { credentials: "omit", signal });
  const [kind, bytes] = await readBody(response, MOST_BYTES);
  if (response.ok && kind === 4) return bytes!;
  if (kind === 2) throw new Error("is larger than 50 MB");
  throw new Error(`could not be fetched (status ${response.status})`);
}
