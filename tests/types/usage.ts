// Compiled with the DOM library, never run: the API as its users write it. A line that must not compile says so.
import {
  createClient,
  hiapi,
  ImageError,
  InvalidRequestError,
  RateLimitError,
  type ClientOptions,
  type Image,
  type ImageTask,
  type Provider,
  type TaskRef,
  type TaskStore,
  type TaskUpdate,
} from "tidegate";
import { start } from "tidegate/slim";
import { createSimulator, type Scenario, type Simulator, type SimulatorConfig } from "tidegate/testing";

declare const maybe: string | undefined;
declare function same<T>(a: T): <U extends T>(b: [T] extends [U] ? U : never) => void;

const provider: Provider = hiapi({
  apiKey: async () => "key",
  baseURL: undefined,
  headers: undefined,
  limits: { concurrency: undefined },
});
// @ts-expect-error: a key that may be undefined should be seen
hiapi({ apiKey: maybe });
// @ts-expect-error: the same, said outright
hiapi({ apiKey: undefined });
hiapi({ apiKey: "k", limits: { concurrency: "learn", rpm: 5, counts: "image", scope: "model" }, prices: { a: 0.04 } });
hiapi({ apiKey: "k", limits: { concurrency: { start: 2 }, rpd: undefined } });
// @ts-expect-error: no such limit
hiapi({ apiKey: "k", limits: { tpm: 5 } });
// @ts-expect-error: a provider is made by its function
createClient({ providers: { hiapi: {} } });
// @ts-expect-error: not there yet
createClient({ providers: provider, routes: {} });
// @ts-expect-error: no such option
createClient({ providers: provider, retires: 1 });

const options: ClientOptions = {
  providers: { a: provider, b: provider },
  timeout: undefined,
  retry: { base: undefined },
  logger: console,
  fetch,
  store: undefined,
};
createClient({
  ...options,
  fetch: async () => new Response("{}"),
  converter: async (bytes, to) => (to.format === "png" ? bytes : Uint8Array.of(1)),
});
const client = createClient(options);

const task: ImageTask = client.generate(
  { model: "m", prompt: "p", size: "1024x1024", aspectRatio: "16:9", seed: undefined },
  { signal: new AbortController().signal, tenant: undefined },
);
client.generate({ model: "m", prompt: "p", size: "any text from a form" });
// @ts-expect-error: a prompt is needed
client.generate({ model: "m" });
// @ts-expect-error: no such option
client.generate({ model: "m", prompt: "p" }, { retries: 3 });
// @ts-expect-error: the key is the task's, not the batch's
client.batch([{ model: "m", prompt: "p" }], { idempotencyKey: "k" });

const { image, images } = await task;
same<Image>(image)(images[0]!);
const bytes: Uint8Array = await image.bytes();
new Response(await image.bytes());
new Blob([await image.bytes()]);
const blob: Blob = await image.blob();
const smaller: Image = await image.convert({ format: "webp", width: 10 });
client.generate({
  model: "m",
  prompt: "p",
  images: [image, blob, bytes, "https://a.test/1.png", new URL("https://a.test")],
  mask: smaller,
});
// @ts-expect-error: read only
image.mediaType = "x";

for await (const update of task) {
  same<TaskUpdate>(update)(task.state);
  if (update.status === "processing") {
    const ref: TaskRef = update.ref;
    client.resume(ref);
  }
  // @ts-expect-error: only an update of a task that was accepted has a ref
  update.ref;
}
client.resume({ provider: "hiapi", taskId: "t" });
client.resume("key");
// @ts-expect-error: a task id alone names no provider
client.resume({ taskId: "t" });

const { progress } = client.batch([{ model: "m", prompt: "p" }]);
const total: number | undefined = progress.total;
for await (const item of client.batch([{ model: "m", prompt: "p" }])) {
  const index: number = item.key;
  // @ts-expect-error: a failed item has no result
  item.result;
  if (item.ok) item.result.images[index];
  else item.error.retryable;
}
const keyed = client.batch([{ key: "a" as const, model: "m", prompt: "p", tenant: "t", metadata: { a: "b" } }], {
  order: "input",
  id: "run",
});
for await (const { key } of keyed) same<"a">("a")(key);
const { ok, failed } = await keyed.settled();
keyed.retryFailed((error) => !RateLimitError.is(error) || error.axis !== "day");
// @ts-expect-error: either every item has a key or none
client.batch([
  { key: "a", model: "m", prompt: "p" },
  { model: "m", prompt: "p" },
]);
async function* stream() {
  yield { model: "m", prompt: "p", key: 5n };
}
for await (const { key } of client.batch(stream())) same<bigint>(5n)(key);

task.catch((error: unknown) => {
  // @ts-expect-error: unknown until it is narrowed
  error.code;
  if (RateLimitError.is(error)) {
    const axis: "concurrency" | "minute" | "day" | "unknown" = error.axis;
    same<"rate-limited">("rate-limited")(error.code);
    // @ts-expect-error: of InvalidRequestError only
    error.param;
    return axis;
  }
  if (InvalidRequestError.is(error)) return error.param;
  if (ImageError.is(error)) return error.billed;
  return undefined;
});

client.on("update", ({ update, idempotencyKey }) => [update.status, idempotencyKey])();
client.on("refusal", ({ axis, retryAfterMs }) => [axis, retryAfterMs], { signal: undefined });
// @ts-expect-error: not there yet
client.on("spend", () => {});
// @ts-expect-error: not there yet
client.plan({ model: "m", prompt: "p" });
client.status().lanes.map(({ limit, held }) => limit - held);

const records = new Map<string, string>();
const store: TaskStore = {
  get: async (key) => records.get(key),
  put: async (key, record) => void records.set(key, record),
  delete: async (key) => void records.delete(key),
  async *all() {
    yield* records;
  },
};
createClient({ providers: provider, store });
await using disposed = createClient({ providers: provider });
start(new WebAssembly.Module(new Uint8Array()));

const scenario: Scenario = "any text from a test's name";
const weather: SimulatorConfig = {
  cap: undefined,
  rpm: Infinity,
  durationMs: [1, 2],
  clock: "virtual",
  seed: undefined,
  faults: { serverError: undefined, lostAnswer: 0.1 },
  settings: { hint: "seconds" },
};
const simulator: Simulator = createSimulator(weather);
createSimulator();
createSimulator(scenario);
createClient({ providers: provider, ...simulator.options });
createClient({ providers: provider, fetch: simulator.fetch, testing: { clock: simulator.options.testing.clock } });
const charges: { taskId: string; target: { provider: string; model: string }; images: number; amount: number }[] =
  simulator.ledger();
const peak: number = simulator.stats().peak;
simulator.configure({ cap: 2, faults: { filtered: 1 } });
await simulator.advance(1_000);
// @ts-expect-error: the clock is chosen once
simulator.configure({ clock: "real" });
// @ts-expect-error: no such field
createSimulator({ speed: 2 });
// @ts-expect-error: two ends
createSimulator({ durationMs: [1] });
// @ts-expect-error: read only
simulator.fetch = fetch;
void [disposed, total, charges, peak];
