// Compiled as CommonJS, never run: every entry by `require`, and no line of its own for it.
import { createClient, hiapi, RateLimitError, type ImageResult } from "tidegate";
import * as slim from "tidegate/slim";
import { createSimulator } from "tidegate/testing";
import module = require("tidegate/core.wasm");

const simulator = createSimulator("calm");
const client = createClient({ providers: hiapi({ apiKey: "key" }), ...simulator.options });
slim.start(module.default);
client.generate({ model: "gpt-image-2", prompt: "a tide gate" }).then(
  ({ image }: ImageResult) => image.mediaType,
  (error: unknown) => RateLimitError.is(error) && error.axis,
);
// @ts-expect-error: a prompt is needed
client.generate({ model: "gpt-image-2" });
