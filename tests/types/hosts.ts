// Compiled with the DOM library, with Node's types and with those of Workers, never run: where the API meets what hosts have.
import { expectTypeOf } from "expect-type";
import { createClient, hiapi, type Bytes, type Image, type ImageInput } from "tidegate";
import module from "tidegate/core.wasm";
import { start } from "tidegate/slim";

const provider = hiapi({ apiKey: "key", baseURL: new URL("https://proxy.test") });
const client = createClient({ providers: provider, fetch, logger: console });
createClient({ providers: provider, fetch: async (input, init) => fetch(input, init) });
createClient({ providers: provider, fetch: async () => new Response("{}") });
// @ts-expect-error: an answer is a Response
createClient({ providers: provider, fetch: async () => "{}" });
createClient({
  providers: provider,
  converter: async (bytes, to) => {
    expectTypeOf(bytes).toEqualTypeOf<Bytes>();
    return to.format === "png" ? bytes : Uint8Array.of(1);
  },
});

const { image } = await client.generate(
  { model: "gpt-image-2", prompt: "a tide gate" },
  { signal: AbortSignal.timeout(1_000) },
);
const bytes = await image.bytes();
new Response(bytes);
new Blob([bytes]);
expectTypeOf(image.blob()).resolves.toEqualTypeOf<Blob>();
const inputs = [image, bytes, new Uint8Array(1), new Blob([]), new URL("https://a.test/1.png"), "https://a.test/1.png"];
expectTypeOf(inputs).toMatchTypeOf<ImageInput[]>();
client.generate({ model: "gpt-image-2", prompt: "a tide gate", images: inputs, mask: image as Image });
// @ts-expect-error: bytes or an address, not an answer
client.generate({ model: "gpt-image-2", prompt: "a tide gate", images: [new Response()] });
client.on("http", () => {}, { signal: new AbortController().signal })();
start(module);
