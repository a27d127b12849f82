// Compiled, never run: what the contract promises its users' compilers. It needs no host's types, so it is compiled with the DOM library and without.
import { expectTypeOf } from "expect-type";
import {
  AuthenticationError,
  BudgetError,
  CancelledError,
  ContentFilteredError,
  CoreCrashedError,
  createClient,
  creativeai,
  DeadlineError,
  hiapi,
  ImageError,
  InvalidRequestError,
  ModelUnavailableError,
  openai,
  openaiCompatible,
  PermissionError,
  ProviderUnavailableError,
  QueueTimeoutError,
  QuotaExhaustedError,
  RateLimitError,
  RoutesExhaustedError,
  TaskFailedError,
  UnknownOutcomeError,
  type AnyImageError,
  type Attempt,
  type BatchItem,
  type BatchOptions,
  type BatchRequest,
  type Budget,
  type Bytes,
  type CallOptions,
  type Client,
  type ClientEvents,
  type ClientOptions,
  type ClientStatus,
  type Clock,
  type Conversion,
  type ErrorCode,
  type FallbackReason,
  type Fetch,
  type Image,
  type ImageBatch,
  type ImageErrorInit,
  type ImageInput,
  type ImageRequest,
  type ImageResult,
  type ImageTask,
  type KeyReport,
  type LaneStatus,
  type Limits,
  type Logger,
  type ProbeOptions,
  type ProbeReport,
  type Provider,
  type ProviderOptions,
  type RetryPolicy,
  type Source,
  type Target,
  type TaskPart,
  type TaskRef,
  type TaskStore,
  type TaskUpdate,
  type Warning,
} from "tidegate";
import module from "tidegate/core.wasm";
import * as errorsAlone from "tidegate/errors";
import * as slim from "tidegate/slim";
import {
  createSimulator,
  type Scenario,
  type SimulatedWorld,
  type Simulator,
  type SimulatorChanges,
  type SimulatorCharge,
  type SimulatorConfig,
  type SimulatorFaults,
  type SimulatorIntermediary,
  type SimulatorStats,
} from "tidegate/testing";

// A client and its providers.
const provider = hiapi({ apiKey: () => Promise.resolve("key") });
expectTypeOf(provider).toEqualTypeOf<Provider>();
expectTypeOf(hiapi).parameters.toEqualTypeOf<[options: ProviderOptions]>();
expectTypeOf([openai, creativeai]).toEqualTypeOf<((options: ProviderOptions) => Provider)[]>();
openaiCompatible({ baseURL: "https://images.test/v1", apiKey: "key" });
// @ts-expect-error: it has no address of its own
openaiCompatible({ apiKey: "key" });
expectTypeOf(createClient).toEqualTypeOf<(options: ClientOptions) => Client>();
expectTypeOf<ClientOptions["providers"]>().toEqualTypeOf<Provider | Record<string, Provider>>();
// @ts-expect-error: a provider is made by its function
createClient({ providers: { hiapi: {} } });
// @ts-expect-error: a client without a provider
createClient({});
// @ts-expect-error: no such option
createClient({ providers: provider, retires: 1 });
// @ts-expect-error: a limit is a number, or how to learn it
hiapi({ apiKey: "key", limits: { concurrency: "4" } });
const client = createClient({ providers: { one: provider, other: hiapi({ apiKey: "key" }) } });

// Batches: without keys the index is the key; with keys theirs, as narrow as they were written; never a mixture.
const request: ImageRequest = { model: "gpt-image-2", prompt: "a tide gate" };
expectTypeOf(client.batch([request, request])).toEqualTypeOf<ImageBatch<number>>();
expectTypeOf(client.batch(new Set([request]))).toEqualTypeOf<ImageBatch<number>>();
expectTypeOf(client.batch([{ ...request, key: undefined }])).toEqualTypeOf<ImageBatch<number>>();
expectTypeOf(
  client.batch([
    { ...request, key: "day" },
    { ...request, key: "night" },
  ]),
).toEqualTypeOf<ImageBatch<"day" | "night">>();
expectTypeOf(client.batch([{ ...request, key: 7n as bigint }])).toEqualTypeOf<ImageBatch<bigint>>();
declare const words: string[];
expectTypeOf(client.batch(words.map((key) => ({ ...request, key })))).toEqualTypeOf<ImageBatch<string>>();
declare const rows: AsyncIterable<BatchRequest<{ row: number }>>;
expectTypeOf(client.batch(rows)).toEqualTypeOf<ImageBatch<{ row: number }>>();
// @ts-expect-error: either every item has a key or none
client.batch([{ ...request, key: "day" }, request]);
// @ts-expect-error: the key is the task's, not the batch's
client.batch([request], { idempotencyKey: "key" });
client.batch([{ ...request, key: "day", idempotencyKey: "key", tenant: "one", weight: 2, metadata: { page: "1" } }]);
// @ts-expect-error: an item has its own key and labels, not its own limits of time
client.batch([{ ...request, key: "day", timeout: 5 }]);

type Item = BatchItem<"day" | "night">;
declare const item: Item;
expectTypeOf(item.key).toEqualTypeOf<"day" | "night">();
// @ts-expect-error: there is a result only where it is ok
item.result;
// @ts-expect-error: there is an error only where it is not
item.error;
if (item.ok) expectTypeOf(item.result).toEqualTypeOf<ImageResult>();
else expectTypeOf(item.error).toEqualTypeOf<AnyImageError>();
declare const batch: ImageBatch<"day" | "night">;
for await (const each of batch) expectTypeOf(each).toEqualTypeOf<Item>();
const { ok, failed } = await batch.settled();
expectTypeOf(ok).toEqualTypeOf<Extract<Item, { ok: true }>[]>();
expectTypeOf(failed).toEqualTypeOf<Extract<Item, { ok: false }>[]>();
expectTypeOf(batch.retryFailed).parameter(0).toEqualTypeOf<((error: ImageError) => boolean) | undefined>();
expectTypeOf(batch.retryFailed()).toEqualTypeOf<ImageBatch<"day" | "night">>();
expectTypeOf(batch.progress.total).toEqualTypeOf<number | undefined>();
expectTypeOf<Source<string>>().toEqualTypeOf<Iterable<string> | AsyncIterable<string>>();
expectTypeOf<BatchOptions>().not.toHaveProperty("idempotencyKey");

// A task is a promise that can be watched.
const task = client.generate(request);
expectTypeOf(task).toEqualTypeOf<ImageTask>();
expectTypeOf(await task).toEqualTypeOf<ImageResult>();
expectTypeOf(client.resume("key")).toEqualTypeOf<ImageTask>();
expectTypeOf(client.resume({ provider: "hiapi", taskId: "task" })).toEqualTypeOf<ImageTask>();
expectTypeOf(client.resume(await task.ref())).toEqualTypeOf<ImageTask>();
// @ts-expect-error: a task id alone names no provider
client.resume({ taskId: "task" });
// @ts-expect-error: a prompt is needed
client.generate({ model: "gpt-image-2" });
// @ts-expect-error: no such option
client.generate(request, { retries: 3 });
// Sizes come from forms too, as plain strings, and the usual ones are still offered.
client.generate({ ...request, size: words[0], aspectRatio: words[0], quality: words[0] });
expectTypeOf(client.submit(request)).resolves.toEqualTypeOf<TaskRef>();
expectTypeOf(client.pending()).resolves.toEqualTypeOf<TaskRef[]>();
expectTypeOf(task.cancel()).resolves.toEqualTypeOf<"before-submit" | "confirmed" | "too-late" | "unsupported">();
for await (const update of task) {
  expectTypeOf(update).toEqualTypeOf<TaskUpdate>();
  // @ts-expect-error: only an update of a task that was accepted has a ref
  update.ref;
  switch (update.status) {
    case "waiting":
      expectTypeOf(update.reason).toEqualTypeOf<"concurrency" | "window" | "cooldown" | "day" | "budget" | "paused">();
      break;
    case "submitting":
      expectTypeOf(update.target).toEqualTypeOf<Target>();
      break;
    case "queued":
    case "processing":
      expectTypeOf(update.ref).toEqualTypeOf<TaskRef>();
      break;
    case "rerouting":
      expectTypeOf(update.because).toEqualTypeOf<FallbackReason>();
      break;
    case "succeeded":
      expectTypeOf(update.result).toEqualTypeOf<ImageResult>();
      break;
    case "failed":
      expectTypeOf(update.error).toEqualTypeOf<AnyImageError>();
      break;
    case "cancelled":
      break;
    default:
      expectTypeOf(update).toBeNever();
  }
}
expectTypeOf(task.state).toEqualTypeOf<TaskUpdate>();

// Images and results.
const { image, images, attempts, warnings, failures } = await task;
expectTypeOf(image).toEqualTypeOf<Image>();
expectTypeOf(images[0]).toEqualTypeOf<Image | undefined>();
expectTypeOf(image.bytes()).resolves.toEqualTypeOf<Bytes>();
expectTypeOf<Bytes>().toMatchTypeOf<Uint8Array>();
expectTypeOf(image.base64()).resolves.toBeString();
expectTypeOf(image.convert).parameter(0).toEqualTypeOf<Conversion>();
expectTypeOf(image).toMatchTypeOf<ImageInput>();
// @ts-expect-error: read only
image.mediaType = "image/png";
expectTypeOf(attempts).toEqualTypeOf<Attempt[]>();
expectTypeOf(warnings).toEqualTypeOf<Warning[]>();
expectTypeOf(failures).toEqualTypeOf<{ index: number; error: AnyImageError }[]>();
declare const part: TaskPart;
expectTypeOf(part.taskId).toEqualTypeOf<string | undefined>();

// Errors: every code has exactly one class, and a class's `is` narrows to it.
const classes = {
  AuthenticationError,
  BudgetError,
  CancelledError,
  ContentFilteredError,
  CoreCrashedError,
  DeadlineError,
  InvalidRequestError,
  ModelUnavailableError,
  PermissionError,
  ProviderUnavailableError,
  QueueTimeoutError,
  QuotaExhaustedError,
  RateLimitError,
  RoutesExhaustedError,
  TaskFailedError,
  UnknownOutcomeError,
};
type Classes = { [Name in keyof typeof classes]: InstanceType<(typeof classes)[Name]>["code"] };
type Sharing = {
  [Name in keyof Classes]: {
    [Other in Exclude<keyof Classes, Name>]: Extract<Classes[Name], Classes[Other]>;
  }[Exclude<keyof Classes, Name>];
}[keyof Classes];
expectTypeOf<Classes[keyof Classes]>().toEqualTypeOf<ErrorCode>();
expectTypeOf<Sharing>().toBeNever();
expectTypeOf<ImageError["code"]>().toEqualTypeOf<ErrorCode>();
task.catch((error: unknown) => {
  // @ts-expect-error: unknown until it is narrowed
  error.code;
  if (RateLimitError.is(error)) {
    expectTypeOf(error).toEqualTypeOf<RateLimitError>();
    expectTypeOf(error.code).toEqualTypeOf<"rate-limited">();
    expectTypeOf(error.axis).toEqualTypeOf<"concurrency" | "minute" | "day" | "unknown">();
    // @ts-expect-error: of InvalidRequestError only
    error.param;
  } else if (InvalidRequestError.is(error)) {
    expectTypeOf(error.param).toEqualTypeOf<string | undefined>();
  } else if (ContentFilteredError.is(error)) {
    expectTypeOf(error.stage).toEqualTypeOf<"prompt" | "output" | "unknown">();
  } else if (ImageError.is(error)) {
    expectTypeOf(error).toEqualTypeOf<ImageError>();
    expectTypeOf(error.billed).toEqualTypeOf<"no" | "yes" | "unknown">();
    expectTypeOf(error.ref).toEqualTypeOf<TaskRef | undefined>();
  }
});
// A switch over the code narrows, and misses none.
const say = (error: AnyImageError): string => {
  switch (error.code) {
    case "rate-limited":
      return error.axis;
    case "content-filtered":
      return error.categories.join();
    case "queue-timeout":
      expectTypeOf(error).toEqualTypeOf<QueueTimeoutError>();
      return String(error.retryAfterMs);
    case "network":
    case "timeout":
      expectTypeOf(error).toEqualTypeOf<ProviderUnavailableError>();
      return error.message;
    default:
      return error.name;
  }
};
say(ImageError.from({ code: "network", message: "x" }));
expectTypeOf<AnyImageError["code"]>().toEqualTypeOf<ErrorCode>();
expectTypeOf<AnyImageError>().toMatchTypeOf<ImageError>();
expectTypeOf(errorsAlone.ImageError).toEqualTypeOf(ImageError);
expectTypeOf<errorsAlone.AnyImageError>().toEqualTypeOf<AnyImageError>();
expectTypeOf<errorsAlone.Attempt>().toEqualTypeOf<Attempt>();
expectTypeOf(RoutesExhaustedError).instance.toHaveProperty("errors").toEqualTypeOf<ImageError[]>();
expectTypeOf(ImageError).constructorParameters.toEqualTypeOf<[init: ImageErrorInit]>();

// What is told.
expectTypeOf<ClientEvents["update"]["update"]>().toEqualTypeOf<TaskUpdate>();
client.on("update", (event) => expectTypeOf(event).toEqualTypeOf<ClientEvents["update"]>());
client.on("refusal", (event) => expectTypeOf(event.axis).toEqualTypeOf<RateLimitError["axis"]>());
client.on("limit", (event) => expectTypeOf(event).toEqualTypeOf<LaneStatus>());
client.on("http", (event) => expectTypeOf(event.ms).toBeNumber());
expectTypeOf(client.on("http", () => {})).toEqualTypeOf<() => void>();
// @ts-expect-error: no such event
client.on("updates", () => {});
expectTypeOf(client.status()).toEqualTypeOf<ClientStatus>();
expectTypeOf<ClientStatus["lanes"]>().toEqualTypeOf<LaneStatus[]>();

// What users bring.
const records = new Map<string, string>();
const store: TaskStore = {
  get: async (key) => records.get(key),
  put: async (key, record) => void records.set(key, record),
  delete: async (key) => void records.delete(key),
  async *all() {
    yield* records;
  },
};
declare const clock: Clock;
declare const logger: Logger;
declare const fetch: Fetch;
createClient({ providers: provider, store, logger, fetch, testing: { seed: 1, clock } });
expectTypeOf<Limits["concurrency"]>().toEqualTypeOf<
  number | "learn" | { start?: number | undefined; max?: number | undefined } | undefined
>();
expectTypeOf<Limits["counts"]>().toEqualTypeOf<"task" | "request" | "image" | undefined>();
expectTypeOf<Limits["scope"]>().toEqualTypeOf<"key" | "model" | undefined>();
expectTypeOf<ProviderOptions["prices"]>().toEqualTypeOf<Record<string, number> | undefined>();
expectTypeOf<RetryPolicy["ambiguous"]>().toEqualTypeOf<"never" | "if-idempotent" | "always" | undefined>();
expectTypeOf<NonNullable<CallOptions["priority"]>>().toEqualTypeOf<"interactive" | "batch">();

// A client ends by itself at the end of its scope.
{
  await using scoped = client;
  void scoped;
}

// The entry without the wasm is the same, and takes the module.
expectTypeOf(slim.createClient).toEqualTypeOf(createClient);
expectTypeOf(slim.start).toEqualTypeOf<(given: object) => void>();
// @ts-expect-error: a module or its bytes, not an address
slim.start("core.wasm");
slim.start(module);

// The simulated provider's options are a client's.
const simulator = createSimulator({ scenario: "outage", clock: "manual" });
expectTypeOf(simulator).toEqualTypeOf<Simulator>();
expectTypeOf(createSimulator).parameter(0).toEqualTypeOf<SimulatorConfig | Scenario | undefined>();
createClient({ providers: provider, ...simulator.options });
expectTypeOf(simulator.ledger()).toEqualTypeOf<SimulatorCharge[]>();
expectTypeOf(simulator.stats()).toEqualTypeOf<SimulatorStats>();
expectTypeOf(simulator.world).toEqualTypeOf<SimulatedWorld>();
expectTypeOf(simulator.configure).parameters.toEqualTypeOf<[changes: SimulatorChanges]>();
expectTypeOf<NonNullable<SimulatorChanges["faults"]>>().toEqualTypeOf<SimulatorFaults>();
expectTypeOf<NonNullable<SimulatorChanges["intermediary"]>>().toEqualTypeOf<SimulatorIntermediary>();
// @ts-expect-error: the clock is chosen once
simulator.configure({ clock: "real" });

// What a check tells.
expectTypeOf(client.check).parameters.toEqualTypeOf<[provider?: string | undefined]>();
expectTypeOf(client.check).returns.toEqualTypeOf<Promise<KeyReport>>();
expectTypeOf<KeyReport["ok"]>().toEqualTypeOf<boolean | undefined>();
expectTypeOf<KeyReport["axis"]>().toEqualTypeOf<RateLimitError["axis"] | undefined>();

// What a probe takes and tells.
expectTypeOf(client.probe).parameters.toEqualTypeOf<[request: ImageRequest, options: ProbeOptions]>();
expectTypeOf(client.probe).returns.toEqualTypeOf<Promise<ProbeReport>>();
expectTypeOf<ProbeReport["ceiling"]>().toEqualTypeOf<number | null>();
expectTypeOf<ProbeReport["refs"]>().toEqualTypeOf<TaskRef[]>();
expectTypeOf<ProbeOptions["budget"]>().toEqualTypeOf<Budget>();
expectTypeOf<Budget>().toEqualTypeOf<number | { amount: number; per: "day" | "month" }>();
// @ts-expect-error: a probe is bounded
client.probe(request, { max: 40 });
expectTypeOf<NonNullable<LaneStatus["window"]>["lengthMs"]>().toEqualTypeOf<number | undefined>();
