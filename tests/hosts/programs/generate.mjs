// The program that every host runs: an image from the simulator, by the package in the host's own way of getting it.
const SIZE = 512;
const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/**
 * @param tidegate what the host imported from the package
 * @param input `{ apiKey, baseURL, prompt }`, of the row
 * @returns what the bytes themselves say, as JSON
 */
export default async function generate({ createClient, hiapi }, { apiKey, baseURL, prompt }) {
  const client = createClient({
    providers: hiapi({ apiKey, baseURL }),
    // The simulator's keys are worth nothing. Without it a page refuses, which is tested elsewhere.
    dangerouslyAllowBrowser: true,
  });
  try {
    const { image } = await client.generate({ model: "gpt-image-2", prompt, size: `${SIZE}x${SIZE}` });
    const bytes = await image.bytes();
    if (PNG.some((byte, index) => bytes[index] !== byte))
      throw new Error(`no PNG: begins with ${bytes.subarray(0, 8)}`);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const [width, height] = [view.getUint32(16), view.getUint32(20)];
    if (width !== SIZE || height !== SIZE) throw new Error(`a picture of ${width}x${height}, not of ${SIZE}x${SIZE}`);
    return { bytes: bytes.length, mediaType: image.mediaType, width, height };
  } finally {
    await client.close();
  }
}
