/**
 * The bytes of a module that the build wrote as text: a byte below 90 is one character, counted from "#"; before one from 90 or from 180 stands "}" or
 * "~", and its character counts from there. "!" stands for a backslash. A plain loop: twenty times as fast as Uint8Array.from with a callback.
 */
export const decode = (text: string): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(text.length);
  let length = 0;
  let above = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code > 124) {
      above = (code - 124) * 90;
    } else {
      bytes[length++] = above + (code === 33 ? 92 : code) - 35;
      above = 0;
    }
  }
  return bytes.subarray(0, length);
};
