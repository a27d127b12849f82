import { Batch, type BatchContext } from "./batch.js";
import { inBrowser } from "./browser.js";
import { callSite, type CallSite } from "./call-site.js";
import type { Core, CoreConfig, CoreOptions } from "./core.js";
import { ImageError, InvalidRequestError, toError } from "./errors.js";
import { Guard } from "./guard.js";
import { HostTable } from "./host.js";
import { decode, ResultImage, type Loaded, type PlainImage } from "./image.js";
import { Acceptance, LiveTask, TaskHandle, type TaskContext } from "./image-task.js";
import { closedError, inquire } from "./inquiry.js";
import { createLog } from "./log.js";
import { callShape, check, clientShape, compact, listenShape, refuse } from "./options.js";
import { limitOf } from "./patience.js";
import { checkProbe, runProbe, type ProbeContext } from "./probe.js";
import { createAuthorizer, readProviders, type ProviderData } from "./providers.js";
import { toCoreRequest, toText } from "./request.js";
import { connections, createCore, separate } from "./start.js";
import { Journal } from "./store.js";
import type { BatchOptions, ImageBatch } from "./types-batch.js";
import type { ClientStatus, KeyReport, ProbeOptions, ProbeReport } from "./types-limits.js";
import type { Bytes } from "./types-host.js";
import type { CallOptions, ImageRequest, ImageTask, TaskUpdate } from "./types-image.js";
import type { TaskRef } from "./types-task.js";
import type { Client, ClientEvents, ClientOptions } from "./types.js";

/** The longest wait for the store between a task's end and the word of it, where the one may take the other with it, ms. */
const WRITING = 1_000;
/** The longest that a close waits for the store, ms: as long as a task does. */
const CLOSING = 10_000;
/** How often `drain` looks whether it is done, ms. */
const LOOK_EVERY = 100;
const events = ["update", "refusal", "limit", "http"];
// Older browsers have no such symbol; what polyfills it uses this one.
const asyncDispose: typeof Symbol.asyncDispose = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");

/**
 * Build a client. Synchronous; the wasm core starts on the first call. One client may serve all requests of an isolate. No global state.
 *
 * @throws InvalidRequestError whose `param` names the option that is wrong
 */
export function createClient(options: ClientOptions): Client {
  check(options, clientShape);
  const providers = readProviders(options.providers);
  if (!options.dangerouslyAllowBrowser && inBrowser() && providers.some(([, data]) => data.apiKey() !== undefined)) {
    refuse(
      "apiKey",
      "would be open to everybody in a browser: use a proxy of yours (baseURL), or set dangerouslyAllowBrowser",
    );
  }
  return new TidegateClient(options, providers);
}

class TidegateClient implements Client {
  readonly #options: ClientOptions;
  /** The name of the first provider. */
  readonly #first: string;
  readonly #log;
  readonly #journal: Journal;
  readonly #host: HostTable;
  readonly #guard: Guard;
  readonly #context: TaskContext;
  readonly #listeners = new Map<string, Set<(event: object) => void>>();
  #tasks = 0;
  #owners = 0;
  #batches = 0;
  #closed = false;
  /** Batches that are about to hand in more. */
  #pulling = 0;
  /** The log has said that the store is memory. */
  #told = false;

  constructor(given: ClientOptions, providers: [string, ProviderData][]) {
    const options = (this.#options = { ...given });
    this.#first = providers[0]![0];
    const { fetch, testing, store, timeout, deadline, maxWait, retry } = options;
    this.#log = createLog(options.logger, options.logLevel);
    this.#journal = new Journal(typeof store === "object" ? store : undefined, this.#log);
    this.#host = new HostTable({
      clock: testing?.clock,
      fetch,
      authorizers: providers.map(([, data]) => createAuthorizer(data, !separate)),
      journal: this.#journal,
      log: this.#log,
      listens: (name) => this.#listens(name),
      late: (number, owner, value) => {
        const { ref, ...result } = value as { ref: TaskRef };
        new LiveTask(this.#context, number, owner, ref.idempotencyKey).settle("succeeded", result);
      },
      emit: (name, value) => this.#emit(name, value),
    });
    const config: Omit<CoreConfig, "firstCall"> = {
      ...compact(
        {
          seed: testing?.seed,
          timeout,
          deadline,
          maxWait,
          retry: retry && compact(retry),
          connections: connections(),
          fetchLimit: limitOf(fetch !== undefined),
        },
        "maxWait",
      ),
      providers: providers.map(([name, data]) => toConfig(name, data, providers)),
    };
    this.#guard = new Guard(
      (generation, firstCall) => createCore(this.#host.create(this.#guard, generation), { ...config, firstCall }),
      this.#log,
    );
    this.#context = {
      guard: this.#guard,
      changed: (task, told) => this.#changed(task, told),
      image: (plain) => this.#image(plain),
      written: separate
        ? (owner) => Promise.resolve().then(() => this.#host.atMost(WRITING, this.#journal.flush(owner)))
        : undefined,
      forget: (owner, key) => this.#journal.remove(owner, key),
      drop: (task) => this.#host.handles.drop(task),
      unheard: ({ code, message }) => {
        if (!this.#listens("update"))
          this.#log(
            "warn",
            `a task failed, and nobody waits for it (${code}: ${message}); await it, or listen to "update"`,
          );
      },
    };
  }

  generate(request: unknown, options: CallOptions = {}): ImageTask {
    return new TaskHandle(this.#launch(request, options, this.#owner(), callSite(this.generate)), signalOf(options));
  }

  submit(request: unknown, options: CallOptions = {}): Promise<TaskRef> {
    return new Acceptance(this.#launch(request, options, this.#owner(), callSite(this.submit)), signalOf(options));
  }

  resume(ref: unknown, options: CallOptions = {}): ImageTask {
    return new TaskHandle(this.#resume(ref, options, this.#owner(), callSite(this.resume)), signalOf(options));
  }

  #resume(
    ref: unknown,
    options: CallOptions,
    owner: number,
    called: CallSite,
    mark: Pick<CoreOptions, "batch"> = {},
  ): LiveTask {
    return this.#attempt(options, owner, "", called, (task, core) => {
      let copy: string;
      try {
        copy = toText(ref) ?? "null";
      } catch (cause) {
        refuse("ref", "must be a TaskRef, { provider, taskId } or an idempotency key", cause);
      }
      const joined = this.#find(copy, owner);
      if (joined) return joined.owner === owner ? joined : joined.follow(owner);
      const { number } = task;
      const options = JSON.stringify(Object.assign(core, mark));
      task.register = (glue, records) => glue.resume(number, owner, copy, options, records);
      // Some part at least is with the provider.
      task.sent.push(0);
      this.#guard.add(task);
      return task;
    });
  }

  async pending(): Promise<TaskRef[]> {
    const lines = await this.#journal.all();
    return JSON.parse(this.#ask((core) => core.refs(lines))) as TaskRef[];
  }

  batch<K>(requests: unknown, options: BatchOptions = {}): ImageBatch<K> {
    if (!this.#told && typeof this.#options.store !== "object") {
      this.#told = true;
      this.#log(
        "info",
        "unfinished tasks are kept in memory only: give createClient a `store` to find them after a crash",
      );
    }
    return new Batch<K>(this.#batchContext(callSite(this.batch)), requests, options);
  }

  async check(provider = this.#first): Promise<KeyReport> {
    if (this.#closed) throw toError(closedError);
    if (typeof provider !== "string") refuse("provider", "must be a name of `providers`");
    const [number, owner] = [++this.#tasks, this.#owner()];
    return inquire(this.#guard, {
      number,
      owner,
      ask: (core) => core.check(number, owner, provider),
      read: (report) => report as KeyReport,
    });
  }

  async probe(request: ImageRequest, options: ProbeOptions): Promise<ProbeReport> {
    const called = callSite(this.probe);
    checkProbe(request, options);
    options.signal?.throwIfAborted();
    if (this.#closed) throw toError(closedError);
    const [number, owner] = [++this.#tasks, this.#owner()];
    const launch: ProbeContext["launch"] = (one, call, mark) => {
      const live = this.#launch(one, call, owner, called, mark);
      live.heard = true;
      return live;
    };
    return runProbe({ guard: this.#guard, number, owner, launch }, request, options);
  }

  on<E extends keyof ClientEvents>(
    event: E,
    listener: (event: ClientEvents[E]) => void,
    options: { signal?: AbortSignal | undefined } = {},
  ): () => void {
    if (!events.includes(event)) refuse("event", `must be one of ${events.join(", ")}`);
    if (typeof listener !== "function") refuse("listener", "must be a function");
    check(options, listenShape);
    // A wrapper, so that one function may be registered twice and each time be taken back alone.
    const entry = (value: object): void => listener(value as ClientEvents[E]);
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    const { signal } = options;
    const off = (): void => {
      listeners.delete(entry);
      signal?.removeEventListener("abort", off);
    };
    if (!signal?.aborted) listeners.add(entry);
    signal?.addEventListener("abort", off, { once: true });
    return off;
  }

  status(): ClientStatus {
    const status = this.#closed ? this.#guard.lastStatus : this.#ask((core) => core.status());
    return JSON.parse(status) as ClientStatus;
  }

  async drain(): Promise<void> {
    // By looking and not by being told: on Workers nothing of one request may be awaited by another.
    while (this.#guard.tasks.size + this.#pulling > 0) await this.#host.pause(LOOK_EVERY);
  }

  async close(): Promise<void> {
    const owner = this.#owner();
    if (!this.#closed) {
      this.#closed = true;
      this.#guard.close(owner);
      this.#host.close(owner);
    }
    await this.#host.atMost(CLOSING, this.#journal.flush(owner));
  }

  [asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Requests of a page or a script share I/O; on Workers each call has its own. */
  #owner(): number {
    return separate ? ++this.#owners : 0;
  }

  /** @param called where its caller called: once for all items */
  #batchContext(called: CallSite): BatchContext {
    const number = ++this.#batches;
    const owner = this.#owner();
    return {
      launch: (request, options) => this.#launch(request, options, owner, called, { batch: number }),
      resume: (ref, options) => this.#resume(ref, options, owner, called, { batch: number }),
      pulls: (more) => void (this.#pulling += more),
      pause: (paused) => {
        if (paused) this.#guard.paused.add(number);
        else this.#guard.paused.delete(number);
        this.#guard.run(
          owner,
          () => [],
          (core) => core.pause(number, paused),
        );
        this.#guard.wakeSoon(owner);
      },
      eta: (more) =>
        this.#guard.run(
          owner,
          () => [],
          (core) => core.eta(number, more),
        ) ?? -1,
      another: () => this.#batchContext(called),
    };
  }

  #launch(
    request: unknown,
    options: CallOptions,
    owner: number,
    called: CallSite,
    mark: Pick<CoreOptions, "batch" | "probe"> = {},
  ): LiveTask {
    const key = options?.idempotencyKey;
    const launch = (task: LiveTask, core: CoreOptions): LiveTask => {
      const { number } = task;
      const copy = toCoreRequest(request, (data) => this.#host.handles.hold(number, data), this.#host.wall);
      const joined = key === undefined ? undefined : this.#find(toText(key), owner);
      if (joined) {
        this.#host.handles.drop(number);
        const mismatch = this.#ask((glue) => glue.mismatch(joined.number, copy));
        if (mismatch) throw toError(JSON.parse(mismatch) as object);
        return joined.owner === owner ? joined : joined.follow(owner);
      }
      Object.assign(core, mark);
      if (key !== undefined) core.keep = true;
      // At once, so that what the caller changes later changes nothing.
      const text = JSON.stringify(core);
      // After a trap the key is known, whoever made it.
      const keyed = (idempotencyKey: string): string =>
        JSON.stringify({ ...(JSON.parse(text) as CoreOptions), idempotencyKey });
      task.register = (glue, records) => glue.submit(number, owner, copy, task.key ? keyed(task.key) : text, records);
      this.#guard.add(task);
      return task;
    };
    return this.#attempt(options, owner, typeof key === "string" ? key : "", called, launch);
  }

  /** A new task, or the one that `make` finds; what is thrown becomes its end. */
  #attempt(
    options: CallOptions,
    owner: number,
    key: string,
    called: CallSite,
    make: (task: LiveTask, core: CoreOptions) => LiveTask,
  ): LiveTask {
    const task = new LiveTask(this.#context, ++this.#tasks, owner, key);
    task.called = called;
    try {
      check(options, callShape);
      if (this.#closed) {
        task.settle("cancelled", { message: closedError.message });
        return task;
      }
      const core: Record<string, unknown> = {};
      for (const [name, value] of Object.entries(options)) {
        if (name === "retry") core[name] = value && compact(value as object);
        // JSON has no Infinity.
        else if (name === "maxWait" && value === Infinity) core[name] = Number.MAX_VALUE;
        else if (name !== "signal" && value !== Infinity) core[name] = value;
      }
      const { tenant, metadata } = options;
      if (tenant || metadata)
        task.labels = { ...(tenant && { tenant }), ...(metadata && { metadata: { ...metadata } }) };
      return make(task, core as CoreOptions);
    } catch (cause) {
      task.end(
        ImageError.is(cause)
          ? cause
          : new InvalidRequestError({ message: "request: could not be read", param: "request", cause }),
      );
      return task;
    }
  }

  #find(ref: string, owner: number): LiveTask | undefined {
    const { tasks, untaken } = this.#guard;
    if (tasks.size + untaken.size === 0) return undefined;
    const number =
      this.#guard.run(
        owner,
        () => [],
        (core) => core.find(ref),
      ) ?? -1;
    // What an earlier core made, only we know.
    const live = tasks.get(number) ?? untaken.get(number) ?? this.#guard.byKey(toKey(ref));
    return live instanceof LiveTask ? live : undefined;
  }

  #ask<T>(question: (core: Core) => T): T {
    const answer = this.#guard.run(this.#owner(), () => [], question);
    if (answer !== undefined) return answer;
    throw this.#closed
      ? toError(closedError)
      : toError({ code: "core-crashed", message: "the core gave no answer", cause: this.#guard.failure });
  }

  #image(plain: PlainImage): () => ResultImage {
    const { mediaType, width, height, handle, base64, url } = plain;
    const data = handle === undefined ? base64 : (this.#host.handles.get(handle) as Bytes | string);
    const size = { ...(width !== undefined && { width }), ...(height !== undefined && { height }) };
    const load = async (): Promise<Loaded> => {
      if (data === undefined) return this.#download(url ?? "");
      return typeof data === "string" ? { ...decode(data), ...size } : { bytes: data, mediaType, ...size };
    };
    return () => new ResultImage(plain, load, this.#options.converter);
  }

  async #download(url: string): Promise<Loaded> {
    if (this.#closed) throw toError(closedError);
    const [number, owner] = [++this.#tasks, this.#owner()];
    return inquire(this.#guard, {
      number,
      owner,
      ask: (core) => core.download(number, owner, url),
      read: (answer) => {
        const { images } = answer as { images: [PlainImage & { handle: number }] };
        const { handle, mediaType, width, height } = images[0];
        const bytes = this.#host.handles.get(handle) as Bytes;
        return { bytes, mediaType, ...(width && { width }), ...(height && { height }) };
      },
      over: () => this.#host.handles.drop(number),
    });
  }

  #changed(task: LiveTask, told: { readonly update: TaskUpdate }): void {
    if (!this.#listens("update")) return;
    this.#emit("update", { idempotencyKey: task.key, update: told.update, ...task.labels });
  }

  #listens(name: string): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  #emit(name: string, value: object): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        listener(value);
      } catch (cause) {
        this.#log("error", `a listener of "${name}" has thrown`, cause);
      }
    }
  }
}

/** The signal of a call, if what was given is one; else the check of the options says so. */
const signalOf = (options: CallOptions | null): AbortSignal | undefined => {
  const signal = options?.signal;
  return typeof signal?.addEventListener === "function" ? signal : undefined;
};

/** The key in a ref's JSON. */
const toKey = (ref: string): string => {
  const read = JSON.parse(ref) as string | Partial<TaskRef> | null;
  return String(typeof read === "string" ? read : read?.idempotencyKey);
};

const toConfig = (name: string, data: ProviderData, all: [string, ProviderData][]): CoreConfig["providers"][number] => {
  const { dialect, baseURL, limits, prices } = data;
  const apiKey = data.apiKey();
  // One key under two names is one quota, two keys are two; named after the first to have it, since nothing of a key may be a name.
  const same = all.filter(
    ([, other]) => other.dialect === dialect && other.baseURL === baseURL && other.apiKey() === apiKey,
  );
  const account = data.account ?? same[0]![0];
  const [keyed, refreshable] = [apiKey !== undefined, typeof apiKey === "function"];
  return { ...compact({ name, dialect, baseURL, account, limits, prices }), keyed, refreshable };
};
