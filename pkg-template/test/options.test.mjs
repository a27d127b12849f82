import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { createWorld, tidegate } from "./fake-core.mjs";

const { createClient, hiapi, InvalidRequestError } = tidegate;
const refuses = (act, param, message) =>
  assert.throws(act, (error) => {
    assert.ok(InvalidRequestError.is(error), String(error));
    assert.equal(error.param, param);
    if (message) assert.match(error.message, message);
    assert.ok(!error.message.includes("sk-secret"));
    return true;
  });
const client = (options) => createClient({ providers: hiapi({ apiKey: "sk-secret" }), ...options });

test("wrong client options throw and name the field", () => {
  const wrong = {
    tries: [1, /^tries: is not an option$/],
    retires: [1, /did you mean `retry`\?$/],
    timout: [1, /did you mean `timeout`\?$/],
    maxwait: [1, /did you mean `maxWait`\?$/],
    maxRetries: [3, /did you mean `retry.maxRetries`\?$/],
    timeoutMs: [3, /did you mean `timeout`\?$/],
    abortSignal: [3, /did you mean `signal`\?$/],
    concurrency: [3, /did you mean `limits.concurrency` of the provider/],
    apiKey: ["sk-secret", /providers: hiapi\(\{ apiKey \}\)/],
    timeout: [0, /^timeout: must be a positive number of milliseconds, and is 0$/],
    deadline: [Infinity, /milliseconds/],
    maxWait: [-1, /milliseconds/],
    store: ["disk", /get, put, delete, all/],
    fetch: [{}, /function/],
    converter: [1, /function/],
    logger: [{ warn() {} }, /error, warn, info, debug/],
    logLevel: ["loud", /one of off, .*, and is "loud"$/],
    dangerouslyAllowBrowser: ["yes", /true or false/],
    providers: [null, /must be/],
    testing: [true, /object/],
  };
  for (const [param, [value, message]] of Object.entries(wrong))
    refuses(() => client({ [param]: value }), param, message);
  refuses(() => client({ retry: { maxRetries: 1.5 } }), "retry.maxRetries");
  refuses(() => client({ retry: { tries: 1 } }), "retry.tries", /not an option/);
  refuses(() => client({ testing: { seed: -1 } }), "testing.seed");
  refuses(() => createClient(), "options");
  refuses(() => client({ providers: {} }), "providers");
  refuses(() => createClient({}), "providers");
  refuses(() => client({ providers: { a: {} } }), "providers.a", /hiapi\(\)/);
  refuses(() => client({ providers: { "a/b": hiapi({ apiKey: "k" }) } }), "providers", /"a\/b"/);
});

test("what is in the contract and not there yet says so", () => {
  for (const [param, value] of Object.entries({
    routes: { "*": ["a/b"] },
    aliases: { "dall-e-3": "openai/gpt-image-2" },
    budget: 5,
    coordination: "tabs",
  }))
    refuses(() => client({ [param]: value }), param, /not there yet/);
});

test("what is in the contract is taken where it asks for what happens anyhow", () => {
  client({ coordination: "process", routes: {}, aliases: false, budget: undefined });
  client({ aliases: {}, routes: undefined, aliases: undefined, coordination: undefined });
});

test("limits and prices are checked, and the field at fault is named", () => {
  const limits = (given) => () => hiapi({ apiKey: "k", limits: given });
  for (const good of [
    {},
    { concurrency: 23, rpm: 60, rpd: 5_000, counts: "image", scope: "model" },
    { concurrency: "learn", rpm: undefined, counts: undefined },
    { concurrency: {} },
    { concurrency: { start: 2, max: 2 } },
    { concurrency: { start: undefined, max: Infinity } },
  ])
    limits(good)();
  for (const bad of [0, 1.5, -1, NaN, Infinity, "4", "Learn", true, null])
    refuses(limits({ concurrency: bad }), "limits.concurrency", /whole number of at least 1, "learn" or/);
  refuses(limits({ concurrency: { start: 0 } }), "limits.concurrency.start");
  refuses(limits({ concurrency: { start: Infinity } }), "limits.concurrency.start");
  refuses(limits({ concurrency: { max: 0.5 } }), "limits.concurrency.max");
  refuses(limits({ concurrency: { start: 9, max: 8 } }), "limits.concurrency.start", /more than max/);
  refuses(limits({ concurrency: { most: 8 } }), "limits.concurrency.most", /not an option/);
  for (const param of ["rpm", "rpd"])
    for (const bad of [0, 0.5, Infinity, "60"]) refuses(limits({ [param]: bad }), `limits.${param}`);
  refuses(limits({ counts: "images" }), "limits.counts", /task, request, image/);
  refuses(limits({ scope: "account" }), "limits.scope", /key, model/);
  refuses(limits({ tpm: 5 }), "limits.tpm", /not an option/);
  hiapi({ apiKey: "k", prices: { "gpt-image-2": 0.04, free: 0 } });
  refuses(() => hiapi({ apiKey: "k", prices: { "gpt-image-2": "4 cents" } }), "prices.gpt-image-2", /dollars/);
  refuses(() => hiapi({ apiKey: "k", prices: { a: -1 } }), "prices.a");
  refuses(() => hiapi({ apiKey: "k", prices: 4 }), "prices");
});

test("limits are handed to the core as they were when they were given", () => {
  const world = createWorld();
  const limits = { concurrency: { start: 2, max: undefined }, rpm: 60, counts: "image" };
  const provider = hiapi({ apiKey: "k", limits });
  limits.concurrency.start = 9;
  limits.rpm = 1;
  createClient({ providers: provider }).status();
  assert.deepEqual(world.cores[0].config.providers[0].limits, { concurrency: { start: 2 }, rpm: 60, counts: "image" });
});

test("undefined counts as left out, Infinity where it is the default too", () => {
  client({
    timeout: undefined,
    retry: { base: undefined, maxRateLimitRetries: Infinity },
    store: undefined,
    logger: undefined,
    maxWait: Infinity,
  });
  for (const store of ["auto", "memory"]) client({ store });
});

test("wrong provider options throw and name the field", () => {
  refuses(() => hiapi({ apiKey: undefined }), "apiKey", /undefined/);
  refuses(() => hiapi({ apiKey: undefined, baseURL: "https://proxy.test" }), "apiKey", /undefined/);
  refuses(() => hiapi({}), "apiKey", /^apiKey: is missing: give hiapi\(\{ apiKey \}\), or the baseURL of a proxy/);
  refuses(() => hiapi(), "options");
  hiapi({ baseURL: "https://proxy.test" });
  for (const bad of ["sk-secret\n", "sk-secret\r", "sk-secret\0", "sk-secret\u2019", "", 5, null])
    refuses(() => hiapi({ apiKey: bad }), "apiKey");
  refuses(() => hiapi({ apiKey: "k", headers: { "x-a": "b\r\nc: d" } }), "headers.x-a");
  refuses(() => hiapi({ apiKey: "k", headers: { "x\na": "b" } }), "headers", /name/);
  refuses(
    () => hiapi({ apiKey: "k", headers: { "Content-Type": "text/plain" } }),
    "headers.Content-Type",
    /set by the client/,
  );
  refuses(() => hiapi({ apiKey: "k", limits: { concurrency: 0 } }), "limits.concurrency");
  refuses(() => hiapi({ apiKey: "k", model: "x" }), "model", /not an option/);
});

test("a base URL is https or loopback, without a user, a query or a fragment", () => {
  const base = (baseURL) => hiapi({ apiKey: "sk-secret", baseURL });
  for (const good of [
    "https://a.test",
    "https://a.test/x/",
    new URL("https://a.test"),
    "http://localhost:1",
    "http://127.0.0.1:1",
    "http://127.1.2.3",
    "http://[::1]:8",
  ])
    base(good);
  for (const bad of [
    "http://a.test",
    "http://localhost.evil.test",
    "http://127.0.0.1.evil.test",
    "ftp://a.test",
    "/relative",
    "",
    "https://u:p@a.test",
    "https://a.test?x",
    "https://a.test/#x",
    5,
  ])
    refuses(() => base(bad), "baseURL");
  refuses(() => base("http://images:8080"), "baseURL", /allowInsecure/);
  const open = (baseURL) => hiapi({ apiKey: "sk-secret", baseURL, allowInsecure: true });
  for (const good of ["http://images:8080/v1", "http://10.0.0.7", "https://a.test"]) open(good);
  for (const bad of ["ftp://a.test", "http://u:p@a.test", "/relative"]) refuses(() => open(bad), "baseURL");
  refuses(() => hiapi({ apiKey: "k", allowInsecure: "yes" }), "allowInsecure", /true or false/);
});

test("a clock may bring the wall's, which says when an address is dead", async () => {
  refuses(() => client({ testing: { clock: { now() {}, setTimeout() {}, wall: 5 } } }), "testing.clock.wall");
  const world = createWorld();
  const clock = { now: () => 1, wall: () => 1_000_000, setTimeout: () => () => {} };
  const made = client({ testing: { clock } });
  made.status();
  assert.equal(world.cores[0].host.wall(), 1_000_000);
});

test("neither a provider nor a client shows the key", async () => {
  const { inspect } = await import("node:util");
  const provider = hiapi({ apiKey: "sk-secret", headers: { "x-a": "sk-secret" } });
  const shown = [provider, createClient({ providers: provider })].map(
    (value) => inspect(value, { depth: 9, showHidden: true }) + JSON.stringify(value),
  );
  for (const text of shown) assert.ok(!text.includes("sk-secret"), text);
});

test("the core gets no key; one key under two names is one account", () => {
  const world = createWorld();
  const key = () => "sk-secret";
  const providers = {
    a: hiapi({ apiKey: "sk-secret" }),
    b: hiapi({ apiKey: "sk-secret" }),
    c: hiapi({ apiKey: key, account: "mine", limits: { concurrency: 2 } }),
    d: hiapi({ baseURL: "https://proxy.test/x/" }),
  };
  createClient({
    providers,
    retry: { maxRetries: 2, maxRateLimitRetries: Infinity },
    testing: { seed: 7 },
    maxWait: Infinity,
  }).status();
  assert.deepEqual(world.cores[0].config, {
    firstCall: 1,
    seed: 7,
    // What JSON has of Infinity.
    maxWait: Number.MAX_VALUE,
    retry: { maxRetries: 2 },
    providers: [
      { name: "a", dialect: "hiapi", account: "a", keyed: true, refreshable: false },
      { name: "b", dialect: "hiapi", account: "a", keyed: true, refreshable: false },
      { name: "c", dialect: "hiapi", account: "mine", limits: { concurrency: 2 }, keyed: true, refreshable: true },
      { name: "d", dialect: "hiapi", baseURL: "https://proxy.test/x", account: "d", keyed: false, refreshable: false },
    ],
  });
});

test("nothing starts before the first call", () => {
  const world = createWorld();
  const made = client();
  assert.equal(world.cores.length, 0);
  made.status();
  assert.equal(world.cores.length, 1);
});

const globals = ["window", "document", "importScripts", "WorkerGlobalScope"];
afterEach(() => globals.forEach((name) => delete globalThis[name]));

test("a key in a page throws, unless it is meant", () => {
  Object.assign(globalThis, { window: globalThis, document: {} });
  refuses(() => client(), "apiKey", /dangerouslyAllowBrowser/);
  refuses(
    () => client({ providers: { a: hiapi({ baseURL: "https://p.test" }), b: hiapi({ apiKey: () => "k" }) } }),
    "apiKey",
  );
  client({ dangerouslyAllowBrowser: true });
  client({ providers: hiapi({ baseURL: "https://proxy.test" }) });
});

test("so does one in a browser's worker, but not on servers with a worker's globals", () => {
  Object.assign(globalThis, { importScripts() {}, WorkerGlobalScope: class {} });
  client(); // Node has versions.node.
  const node = process.versions;
  Object.defineProperty(process, "versions", { value: {}, configurable: true });
  try {
    refuses(() => client(), "apiKey", /dangerouslyAllowBrowser/);
    delete globalThis.importScripts;
    client(); // workerd
  } finally {
    Object.defineProperty(process, "versions", { value: node, configurable: true });
  }
});
