import { createClient, hiapi } from "tidegate";

let client; // one for all requests of the isolate, so that they share its limits

export default {
  async fetch(request, env) {
    client ??= createClient({ providers: hiapi({ apiKey: env.HIAPI_KEY, baseURL: env.HIAPI_URL }) });
    const prompt = new URL(request.url).searchParams.get("prompt");
    const { image } = await client.generate({ model: "gpt-image-2", prompt }, { download: true });
    return new Response(await image.bytes(), { headers: { "content-type": image.mediaType } });
  },
};
