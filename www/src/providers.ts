import { creativeai, hiapi, openai, openaiCompatible, type Provider, type ProviderOptions } from "tidegate";

/** A provider that the page can ask. */
export interface Choice {
  id: string;
  name: string;
  create(options: ProviderOptions & { baseURL?: string }): Provider;
  /** Where the simulator plays it, below its origin. */
  simulated: string;
  /** Whether it has no address of its own, so that one must be given. */
  needsAddress?: true;
  /** What its form offers; any other model can be typed. */
  models: readonly string[];
  /** The first is the form's own choice. */
  sizes: readonly string[];
}

/** All of them; the first is the page's own choice. */
export const choices: readonly Choice[] = [
  {
    id: "hiapi",
    name: "HiAPI",
    create: hiapi,
    simulated: "",
    models: ["gpt-image-2", "flux-1-pro", "seedream-4"],
    sizes: ["512x512", "768x768", "1024x1024", "1024x576", "576x768"],
  },
  {
    id: "openai",
    name: "OpenAI",
    create: openai,
    simulated: "/v1",
    models: ["gpt-image-2", "gpt-image-2.6-sunburst", "gpt-image-2.6-flare", "gpt-image-1.5", "gpt-image-1-mini"],
    sizes: ["1024x1024", "1536x1024", "1024x1536"],
  },
  {
    id: "creativeai",
    name: "CreativeAI",
    create: creativeai,
    simulated: "/creativeai/v1",
    models: ["gpt-image-2", "seedream-5.0", "flux-1-pro"],
    sizes: ["1024x1024", "1536x1024", "1024x1536"],
  },
  {
    id: "compatible",
    name: "OpenAI-compatible",
    create: ({ baseURL, ...options }) => openaiCompatible({ ...options, baseURL: baseURL ?? "" }),
    simulated: "/v1",
    needsAddress: true,
    models: ["gpt-image-2"],
    sizes: ["1024x1024", "1536x1024", "1024x1536"],
  },
];
