/** What tells an image of a result, across bundles and realms. */
export const imageBrand = Symbol.for("tidegate.Image");

/** The media type that a file's first bytes show; undefined if it is no image that providers make or take. */
export function mediaTypeOf(bytes: Uint8Array): string | undefined {
  const text = String.fromCharCode(...bytes.subarray(0, 12));
  if (text.startsWith("\x89PNG\r\n\x1a\n")) return "image/png";
  if (text.startsWith("\xff\xd8\xff")) return "image/jpeg";
  if (text.startsWith("GIF8")) return "image/gif";
  if (text.startsWith("RIFF") && text.endsWith("WEBP")) return "image/webp";
  return text.endsWith("ftypavif") ? "image/avif" : undefined;
}

/**
 * The bytes of a base64 text as servers write it: also in the alphabet for addresses (RFC 4648 §5), with blanks or line ends, without its padding,
 * or in several pieces that were each padded.
 *
 * @throws if it is not base64
 */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  let binary;
  try {
    binary = atob(text);
  } catch {
    const standard = text.replace(/\s+/g, "").replaceAll("-", "+").replaceAll("_", "/");
    binary = standard
      .split(/=+/)
      .map((piece) => atob(piece))
      .join("");
  }
  // A plain loop: Uint8Array.from with a function takes fifty times as long.
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}
