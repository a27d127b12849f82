// A scripted Images API of OpenAI's kind, and the built package over it in virtual time.
import { dist } from "./fake-core.mjs";
import { inVirtualTime, png } from "./virtual.mjs";

export const tidegate = await import(new URL("inline.js", dist).href);
const { createClient, openai } = tidegate;
export const KEY = "sk-a-key-that-must-stay-outside-0123456789";
export const request = { model: "gpt-image-2", prompt: "a tide gate at dawn" };

export const base64 = (bytes) => Buffer.from(bytes).toString("base64");
export const success = (count = 1, size = 200) => {
  const bytes = new Uint8Array(size);
  bytes.set(png(8, 4));
  const data = Array.from({ length: count }, () => ({ b64_json: base64(bytes), revised_prompt: "a gate" }));
  const usage = { total_tokens: 100, input_tokens: 50, input_tokens_details: { text_tokens: 10 } };
  return Response.json({ created: 1, data, output_format: "png", usage }, { headers: { "x-request-id": "req_1" } });
};
export const failure = (status, error, headers) => Response.json({ error }, { status, headers });

/** A provider that takes `ms` for an image; `script(request)` may answer, or break, before it does. */
export const createWorld = ({ script = () => undefined, ms = 20_000, cap = Infinity, refusesAfter = 100 } = {}) => {
  const world = { requests: [], running: 0, peak: 0, refusals: 0 };
  world.fetch = async (clock, input, init = {}) => {
    const { pathname: path, host } = new URL(input);
    const headers = new Headers(init.headers);
    const sent = { at: clock.now, path, host, headers, body: init.body, redirect: init.redirect };
    world.requests.push(sent);
    const aborted = new Promise((_, reject) =>
      init.signal?.addEventListener("abort", () => reject(init.signal.reason), { once: true }),
    );
    aborted.catch(() => {});
    const scripted = await script(sent, world, clock);
    if (scripted) return scripted;
    if (world.running >= cap) {
      world.refusals++;
      await clock.sleep(refusesAfter);
      return failure(429, { message: "Rate limit reached", type: "requests", code: "rate_limit_exceeded" });
    }
    world.peak = Math.max(world.peak, ++world.running);
    await Promise.race([clock.sleep(ms), aborted]).finally(() => world.running--);
    return success(typeof init.body === "string" ? (JSON.parse(init.body).n ?? 1) : 1);
  };
  return world;
};

export const run = (world, story, options) =>
  inVirtualTime(async (clock) => {
    const { limits, ...rest } = options ?? {};
    const client = createClient({
      providers: openai({ apiKey: KEY, limits }),
      testing: { seed: 1 },
      logLevel: "off",
      ...rest,
    });
    try {
      return await story(client, clock);
    } finally {
      await client.close();
    }
  }, world.fetch);
