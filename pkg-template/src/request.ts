import { imageBrand } from "./media.js";
import { refuse } from "./options.js";
import type { ResultImage } from "./image.js";

const tag = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

/**
 * A request as the core takes it: a copy, so that what the caller changes later changes nothing; pictures as URLs or handles; provider options as
 * JSON texts. What is wrong with it otherwise, the core tells.
 */
export function toCoreRequest(request: unknown, hold: (data: unknown) => number): object {
  if (typeof request !== "object" || request === null) refuse("request", "must be an object");
  const copy: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(request)) if (value !== undefined) copy[name] = value;

  const picture = (input: unknown, param: string): unknown => {
    if (typeof input === "string") return /^data:/i.test(input) ? hold(input) : input;
    if (tag(input) === "URL") return picture(String(input), param);
    if (typeof input === "object" && input !== null && imageBrand in input) {
      const { url, expiresAt } = input as Partial<ResultImage>;
      return url && (expiresAt === undefined || expiresAt > Date.now()) ? url : hold(input);
    }
    if (tag(input) === "Uint8Array") return hold(new Uint8Array(input as Uint8Array));
    // The core takes numbers for handles, and nobody but `hold` makes those.
    return /^(Blob|File)$/.test(tag(input))
      ? hold(input)
      : refuse(param, "must be https or data URLs, Blobs, bytes or Images");
  };
  const { images, mask, providerOptions } = copy;
  if (Array.isArray(images)) copy["images"] = images.map((input) => picture(input, "images"));
  if (mask !== undefined && mask !== null) copy["mask"] = picture(mask, "mask");
  if (typeof providerOptions === "object" && providerOptions !== null)
    copy["providerOptions"] = toTexts(providerOptions);
  return copy;
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
