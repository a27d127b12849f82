import { check, isHeaderText, providerShape, refuse } from "./options.js";
import type { Limits } from "./types-limits.js";
import type { Provider, ProviderOptions } from "./types.js";

const hidden = Symbol.for("tidegate.provider");

/** @internal What a provider value holds; keys stay behind functions, so that nothing that prints or copies it shows one. */
export interface ProviderData {
  readonly dialect: string;
  readonly baseURL?: string | undefined;
  readonly account?: string | undefined;
  readonly limits?: Limits | undefined;
  readonly prices?: Record<string, number> | undefined;
  readonly headers: () => Record<string, string>;
  readonly apiKey: () => ProviderOptions["apiKey"];
}

const origin = (given: string | URL, allowInsecure: boolean): string => {
  let url: URL;
  try {
    url = new URL(String(given));
  } catch {
    return refuse("baseURL", "must be an absolute URL");
  }
  const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && (loopback || allowInsecure))) {
    refuse(
      "baseURL",
      "must be https (http only on a loopback address, or with allowInsecure in a network of your own)",
    );
  }
  if (url.username || url.password) refuse("baseURL", "must not hold a user name or password");
  if (/[?#]/.test(url.href)) refuse("baseURL", "must have no query and no fragment");
  return url.href.replace(/\/+$/, "");
};

const describe = (dialect: string, options: ProviderOptions): Provider => {
  check(options, providerShape);
  const { apiKey, baseURL, allowInsecure = false, account, limits, prices, headers } = options;
  if (apiKey === undefined) {
    if ("apiKey" in options) refuse("apiKey", "is undefined: is its environment variable set?");
    if (baseURL === undefined)
      refuse("apiKey", `is missing: give ${dialect}({ apiKey }), or the baseURL of a proxy of yours that adds it`);
  }
  const copy = { ...headers };
  const data: ProviderData = {
    dialect,
    baseURL: baseURL === undefined ? undefined : origin(baseURL, allowInsecure),
    account,
    // Copies, so that what is changed later changes nothing.
    limits: limits && (JSON.parse(JSON.stringify(limits)) as Limits),
    prices: prices && { ...prices },
    headers: () => copy,
    apiKey: () => apiKey,
  };
  return Object.defineProperty({ "~tidegate": "provider" } as const, hidden, { value: data });
};

/**
 * HiAPI: POST /v1/tasks, GET /v1/tasks/{id}; both of its wire dialects.
 *
 * @throws InvalidRequestError whose `param` names the option that is wrong
 */
export function hiapi(options: ProviderOptions): Provider {
  return describe("hiapi", options);
}

/**
 * OpenAI: POST /v1/images/generations, and /v1/images/edits where images go in. It answers with the images themselves. `baseURL` is that of OpenAI's own
 * SDKs, version included.
 *
 * @throws InvalidRequestError whose `param` names the option that is wrong
 */
export function openai(options: ProviderOptions): Provider {
  return describe("openai", options);
}

/**
 * Whoever speaks OpenAI's Images API, at `baseURL`, version included.
 *
 * @throws InvalidRequestError whose `param` names the option that is wrong
 */
export function openaiCompatible(options: ProviderOptions & { baseURL: string | URL }): Provider {
  if (options?.baseURL === undefined) refuse("baseURL", "is missing: it is that of an OpenAI SDK, version included");
  return describe("openaiCompatible", options);
}

/**
 * CreativeAI: OpenAI's format; its images come as addresses.
 *
 * @throws InvalidRequestError whose `param` names the option that is wrong
 */
export function creativeai(options: ProviderOptions): Provider {
  return describe("creativeai", options);
}

/** @internal The providers of a client by name; one alone is named after its function. */
export function readProviders(given: Provider | Record<string, Provider>): [name: string, data: ProviderData][] {
  const data = (value: unknown): ProviderData | undefined => (value as { [hidden]?: ProviderData } | null)?.[hidden];
  const alone = data(given);
  if (alone) return [[alone.dialect, alone]];
  if (Array.isArray(given))
    refuse("providers", "must be one provider, or several by name, as in { hiapi: hiapi({ apiKey }) }; not an array");
  const named = typeof given === "object" && given ? Object.entries(given) : [];
  if (named.length === 0) refuse("providers", "must hold at least one provider");
  return named.map(([name, value]) => {
    if (!/^[^/\s]+$/.test(name))
      refuse("providers", `has a name that is empty or holds a "/" or a space: ${JSON.stringify(name)}`);
    return [name, data(value) ?? refuse(`providers.${name}`, "must be made by a provider function such as hiapi()")];
  });
}

/**
 * @internal
 * Fills in what a provider's requests carry besides the core's own headers. The promise that it may return rejects with a message fit to be shown.
 *
 * @param share whether calls that ask at the same time may wait for one answer of the apiKey function
 */
export function createAuthorizer(
  data: ProviderData,
  share: boolean,
): (headers: Record<string, string>, refresh: boolean) => true | Promise<void> {
  const apiKey = data.apiKey();
  let known = typeof apiKey === "string" ? apiKey : undefined;
  let asked: Promise<string> | undefined;

  // Names are in lower case, as the core's are: two spellings of one name would be two headers.
  const own = Object.entries(data.headers()).map(([name, value]) => [name.toLowerCase(), value] as const);

  const fill = (headers: Record<string, string>): true => {
    for (const [name, value] of own) headers[name] = value;
    if (known !== undefined) headers["authorization"] = `Bearer ${known}`;
    return true;
  };
  const ask = async (read: () => string | Promise<string>): Promise<string> => {
    const key: unknown = await read();
    if (!isHeaderText(key) || key === "") throw new TypeError("the apiKey function returned no usable key");
    return (known = key);
  };

  return (headers, refresh) => {
    if (typeof apiKey !== "function" || (known !== undefined && !refresh)) return fill(headers);
    if (!share || !asked) {
      const answer = ask(apiKey);
      asked = answer;
      const done = (): void => {
        if (asked === answer) asked = undefined;
      };
      answer.then(done, done);
    }
    return asked!.then(() => void fill(headers));
  };
}
