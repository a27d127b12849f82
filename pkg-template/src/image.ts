import { InvalidRequestError, TaskFailedError } from "./errors.js";
import { fromBase64, imageBrand, mediaTypeOf } from "./media.js";
import { check, refuse, type Shape } from "./options.js";
import type { Bytes } from "./types-host.js";
import type { Conversion, Image } from "./types-image.js";
import type { ClientOptions } from "./types.js";

/** What the core says of a picture. */
export interface PlainImage {
  mediaType: string;
  url?: string;
  expiresAt?: number;
  width?: number;
  height?: number;
  seed?: number;
  revisedPrompt?: string;
  /** Of its bytes, or of their text in base64. */
  handle?: number;
  /** Its bytes, where they are few. */
  base64?: string;
}
/** A picture's bytes, with what they show it to be. */
export type Loaded = Pick<PlainImage, "mediaType" | "width" | "height"> & { bytes: Bytes };

/** How many bytes go through String.fromCharCode at once; more arguments overflow some stacks. */
const STRIDE = 0x8000;

export class ResultImage implements Image {
  declare readonly mediaType: string;
  declare readonly url?: string;
  declare readonly expiresAt?: number;
  declare readonly width?: number;
  declare readonly height?: number;
  declare readonly seed?: number;
  declare readonly revisedPrompt?: string;
  readonly #load: () => Promise<Loaded>;
  readonly #converter: ClientOptions["converter"];
  #loaded: Promise<Loaded> | undefined;

  constructor(plain: PlainImage, load: () => Promise<Loaded>, converter: ClientOptions["converter"]) {
    for (const [name, value] of Object.entries(plain))
      if (name !== "handle" && name !== "base64") (this as Record<string, unknown>)[name] = value;
    this.#load = load;
    this.#converter = converter;
  }

  async bytes(): Promise<Bytes> {
    this.#loaded ??= this.#load().then(
      (loaded) => {
        const { bytes: _, ...fields } = loaded;
        Object.assign(this, fields);
        return loaded;
      },
      (error: unknown) => {
        this.#loaded = undefined; // The next call may fare better.
        throw error;
      },
    );
    return (await this.#loaded).bytes;
  }

  async blob(): Promise<Blob> {
    const bytes = await this.bytes();
    return new Blob([bytes], { type: this.mediaType });
  }

  async base64(): Promise<string> {
    const bytes = await this.bytes();
    let text = "";
    for (let at = 0; at < bytes.length; at += STRIDE) text += String.fromCharCode(...bytes.subarray(at, at + STRIDE));
    return btoa(text);
  }

  async dataURL(): Promise<string> {
    const text = await this.base64();
    return `data:${this.mediaType};base64,${text}`;
  }

  async convert(to: Conversion): Promise<Image> {
    check(to, conversionShape);
    const bytes = await this.bytes();
    const converter = this.#converter;
    const loaded = converter
      ? { bytes: await converter(bytes, to), mediaType: to.format ? `image/${to.format}` : this.mediaType }
      : await byCanvas(new Blob([bytes], { type: this.mediaType }), to);
    const { bytes: _, ...plain } = loaded;
    const image = new ResultImage(plain, async () => loaded, converter);
    await image.bytes();
    return image;
  }
}

Object.defineProperty(ResultImage.prototype, imageBrand, { value: true });

/** An image that came in an answer, as base64 or as a data URL of it. */
export function decode(text: string): Loaded {
  let bytes: Bytes | undefined;
  try {
    bytes = fromBase64(/^data:/i.test(text) ? text.slice(text.lastIndexOf(",") + 1) : text);
  } catch {
    // Said below, for bytes that are no image as for text that is no base64.
  }
  const mediaType = bytes && mediaTypeOf(bytes);
  if (mediaType) return { bytes: bytes!, mediaType };
  throw new TaskFailedError({
    code: "protocol",
    message: "What came in the provider's answer is not an image.",
    billed: "yes",
  });
}

const pixels = (value: unknown, param: string): void => {
  if (!Number.isInteger(value) || (value as number) < 1) refuse(param, "must be a whole number of pixels");
};
const among =
  (...values: unknown[]) =>
  (value: unknown, param: string): void => {
    if (!values.includes(value)) refuse(param, `must be one of ${values.join(", ")}`);
  };
const conversionShape: Shape = {
  format: among("png", "jpeg", "webp"),
  width: pixels,
  height: pixels,
  fit: among("cover", "contain", "fill"),
  quality: (value, param) => {
    if (typeof value !== "number" || !(value >= 0 && value <= 1)) refuse(param, "must be a number from 0 to 1");
  },
};

async function byCanvas(blob: Blob, to: Conversion): Promise<Loaded> {
  if (typeof OffscreenCanvas !== "function" || typeof createImageBitmap !== "function") {
    throw new InvalidRequestError({
      message: "convert() has no codecs here (no OffscreenCanvas): give createClient a `converter`",
      param: "converter",
    });
  }
  const bitmap = await createImageBitmap(blob);
  const ratio = bitmap.width / bitmap.height;
  const width = to.width ?? Math.max(1, Math.round(to.height === undefined ? bitmap.width : to.height * ratio));
  const height = to.height ?? Math.max(1, Math.round(to.width === undefined ? bitmap.height : to.width / ratio));
  const mediaType = to.format
    ? `image/${to.format}`
    : /^image\/(png|jpeg|webp)$/.test(blob.type)
      ? blob.type
      : "image/png";

  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d")!;
  if (mediaType === "image/jpeg") {
    // JPEG has no transparency, and black is nobody's wish.
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
  }
  const [across, down] = [width / bitmap.width, height / bitmap.height];
  const scale = to.fit === "contain" ? Math.min(across, down) : Math.max(across, down);
  const drawn =
    to.fit === "fill" ? ([width, height] as const) : ([bitmap.width * scale, bitmap.height * scale] as const);
  context.drawImage(bitmap, (width - drawn[0]) / 2, (height - drawn[1]) / 2, ...drawn);
  bitmap.close();

  const made = await canvas.convertToBlob({
    type: mediaType,
    ...(to.quality !== undefined && { quality: to.quality }),
  });
  // A canvas makes PNG of what it cannot write.
  if (made.type !== mediaType) refuse("format", `cannot be ${mediaType} here: give createClient a \`converter\``);
  return { bytes: new Uint8Array(await made.arrayBuffer()), mediaType, width, height };
}
