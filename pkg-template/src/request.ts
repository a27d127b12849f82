import { imageBrand } from "./media.js";
import { refuse } from "./options.js";
import type { ResultImage } from "./image.js";

const tag = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

/** What JSON lacks: of numbers that are none or beyond all others the core hears as of one that is too large, of what else is no data as of nothing. */
const fit = (_: string, value: unknown): unknown =>
  typeof value === "number" && !Number.isFinite(value)
    ? Number.MAX_VALUE
    : typeof value === "bigint"
      ? undefined
      : value;

/** @internal Data of our caller's as text. */
export const toText = (value: unknown): string => JSON.stringify(value, fit);

/** No prompt is longer, in UTF-16 units: 32,000 characters. What is, is refused before it is copied and counted. */
const LONGEST_TEXT = 64_000;
/** No address of a picture is longer: CDNs and browsers take less. */
const LONGEST_ADDRESS = 16_000;
const looksLikeBase64 = (text: string): string =>
  tooLong(text) + (/^[\w+/-]{200}/.test(text) ? "; it looks like base64: prefix it with `data:image/png;base64,`" : "");
const tooLong = (text: string): string => `is too long (${text.length} characters)`;

/**
 * A request as the core takes it: as text, so that what the caller changes later changes nothing; pictures as URLs or handles; provider options as
 * JSON texts. What is wrong with it otherwise, the core tells.
 */
export function toCoreRequest(request: unknown, hold: (data: unknown) => number, wall: () => number): string {
  if (typeof request !== "object" || request === null) refuse("request", "must be an object");
  const copy: Record<string, unknown> = { ...request };
  const picture = (input: unknown, param: string): unknown => {
    if (typeof input === "string") {
      if (/^data:/i.test(input)) return hold(input);
      return input.length > LONGEST_ADDRESS ? refuse(param, looksLikeBase64(input)) : input;
    }
    if (tag(input) === "URL") return picture(String(input), param);
    if (typeof input === "object" && input !== null && imageBrand in input) {
      const { url, expiresAt } = input as Partial<ResultImage>;
      return url && (expiresAt === undefined || expiresAt > wall()) ? url : hold(input);
    }
    if (tag(input) === "Uint8Array") return hold(new Uint8Array(input as Uint8Array));
    // The core takes numbers for handles, and nobody but `hold` makes those.
    return /^(Blob|File)$/.test(tag(input))
      ? hold(input)
      : refuse(param, "must be https or data URLs, Blobs, bytes or Images");
  };
  for (const [name, value] of Object.entries(copy))
    if (typeof value === "string" && value.length > LONGEST_TEXT && name !== "mask") refuse(name, tooLong(value));
  const { images, mask, providerOptions } = copy;
  if (Array.isArray(images)) copy["images"] = images.map((input) => picture(input, "images"));
  if (mask !== undefined && mask !== null) copy["mask"] = picture(mask, "mask");
  if (typeof providerOptions === "object" && providerOptions !== null)
    copy["providerOptions"] = toTexts(providerOptions);
  return toText(copy);
}

const toTexts = (options: object): object => {
  const texts: Record<string, unknown> = {};
  for (const [provider, fields] of Object.entries(options)) {
    if (typeof fields !== "object" || fields === null) refuse(`providerOptions.${provider}`, "must be an object");
    const own: Record<string, string> = {};
    for (const [name, value] of Object.entries(fields as object)) {
      if (value === undefined) continue;
      const param = `providerOptions.${provider}.${name}`;
      let text: string | undefined;
      try {
        text = JSON.stringify(value);
      } catch (cause) {
        refuse(param, "cannot be written as JSON", cause);
      }
      own[name] = text ?? refuse(param, "cannot be written as JSON");
    }
    texts[provider] = own;
  }
  return texts;
};
