import { locate, type CallSite } from "./call-site.js";
import type { CancelVerdict, Core, Settlement } from "./core.js";
import { toError, type AnyImageError, type ImageError, type ImageErrorInit } from "./errors.js";
import type { Guard, Live } from "./guard.js";
import type { PlainImage } from "./image.js";
import { onAbort } from "./signals.js";
import type { Image, ImageResult, ImageTask, TaskUpdate } from "./types-image.js";
import type { TaskRef } from "./types-task.js";

/** What a task needs of its client. */
export interface TaskContext {
  readonly guard: Guard;
  /** Told of every update. */
  readonly changed: (task: LiveTask, told: { readonly update: TaskUpdate }) => void;
  /** Takes hold of a picture: each request makes an object of its own from it. */
  readonly image: (plain: PlainImage) => () => Image;
  /** Where an owner dies with its request, and what it was writing with it: when its writes are done. */
  readonly written: ((owner: number) => Promise<unknown>) | undefined;
  /** Removes a record. */
  readonly forget: (owner: number, key: string) => void;
  /** Lets go of what the task held. */
  readonly drop: (task: number) => void;
  /** Told of a failure, some time after it, that nobody has asked about. */
  readonly unheard: (error: ImageError) => void;
}

const read = (text: string): TaskUpdate => {
  const update = JSON.parse(text) as TaskUpdate & { error?: AnyImageError };
  if (update.error) update.error = toError(update.error) as AnyImageError;
  return update;
};
/** How a task ended. */
export type End = { result: ImageResult } | { error: ImageError };

/** An update; what comes as text is read when somebody looks. */
class Told {
  #update: TaskUpdate | undefined;
  readonly #text: string;
  constructor(update: TaskUpdate | string) {
    this.#update = typeof update === "string" ? undefined : update;
    this.#text = typeof update === "string" ? update : "";
  }
  get update(): TaskUpdate {
    return (this.#update ??= read(this.#text));
  }
}

/** An update, and a promise of the next, made when somebody waits for it: late joiners hold on to the latest only. */
class Step {
  readonly told: Told;
  readonly isLast: boolean;
  #after: Step | undefined;
  #next: Promise<Step> | undefined;
  #resolve: ((next: Step) => void) | undefined;
  constructor(told: Told, isLast: boolean) {
    this.told = told;
    this.isLast = isLast;
  }
  get update(): TaskUpdate {
    return this.told.update;
  }
  get next(): Promise<Step> {
    return (this.#next ??= this.#after
      ? Promise.resolve(this.#after)
      : new Promise<Step>((resolve) => (this.#resolve = resolve)));
  }
  go(after: Step): void {
    this.#after = after;
    this.#resolve?.(after);
  }
}

/** One promise whose ends lie open, made when somebody wants it; unheard rejections are nobody's fault. */
class Deferred<T> {
  #promise: Promise<T> | undefined;
  #end: ((resolve: (value: T) => void, reject: (reason: unknown) => void) => void) | undefined;
  #tell: (() => void) | undefined;
  get promise(): Promise<T> {
    if (!this.#promise) {
      this.#promise = new Promise((resolve, reject) => (this.#tell = () => this.#end!(resolve, reject)));
      this.#promise.catch(() => {});
      if (this.#end) this.#tell!();
    }
    return this.#promise;
  }
  resolve(value: T): void {
    this.#end ??= (resolve) => resolve(value);
    this.#tell?.();
  }
  reject(reason: unknown): void {
    this.#end ??= (_, reject) => reject(reason);
    this.#tell?.();
  }
}

const first = new Told({ status: "waiting", reason: "concurrency", ahead: 0 });

/**
 * The one task behind all handles to it. What is known of it is plain data; its promises belong to the request that made it, and only that resolves
 * them. Another request that wants the task has a follower, with promises of its own.
 */
export class LiveTask implements Live {
  readonly records = new Map<string, string>();
  readonly followers: LiveTask[] = [];
  readonly sent: number[] = [];
  traps = 0;
  trouble: unknown;
  /** Where its caller called. */
  called: CallSite | undefined;
  /** Somebody waits for what becomes of it, or has asked. */
  heard = false;
  /** How many want it: an abort lets go of one of them. */
  holders = 0;
  readonly result = new Deferred<ImageResult>();
  readonly #accepted = new Deferred<unknown>();
  /** What its own request has been told. */
  step = new Step(first, false);
  /** What is known, in whatever context it came to light. */
  #latest = first;
  #seen = first;
  /** How it ended. */
  #end: TaskUpdate | undefined;
  /** What it can be resumed by, or the update that tells. */
  #ref: TaskRef | Told | undefined;
  #make: (() => ImageResult) | undefined;
  #error: ImageError | undefined;
  readonly #leader: LiveTask | undefined;
  /** Somebody waits for its result, who will then have it. */
  #wanted = false;
  readonly #onEnd: ((end: End) => void)[] = [];
  #reason: { cause?: unknown } = {};
  /** Echoed in events. */
  labels: { tenant?: string; metadata?: Record<string, string> } = {};
  register: (core: Core, records: string) => string = () => "";
  readonly number: number;
  readonly owner: number;
  key: string;
  readonly #context: TaskContext;

  constructor(context: TaskContext, number: number, owner: number, key: string, leader?: LiveTask) {
    this.#context = context;
    this.number = number;
    this.owner = owner;
    this.key = key;
    this.#leader = leader;
  }

  /** The same task for another request, which from now on is the one to perform its effects. */
  follow(owner: number): LiveTask {
    const { guard } = this.#context;
    const follower = new LiveTask(this.#context, this.number, owner, this.key, this);
    this.followers.push(follower);
    guard.run(
      owner,
      () => [],
      (core) => core.join(this.number, owner),
    );
    guard.wakeSoon(owner);
    follower.sync();
    return follower;
  }

  /** The one that knows, of all that follow the same task. */
  get root(): LiveTask {
    return this.#leader ?? this;
  }

  get over(): boolean {
    return (this.#leader ?? this).#end !== undefined;
  }

  get ref(): TaskRef | undefined {
    const ref = this.#ref;
    if (!(ref instanceof Told)) return ref;
    return (this.#ref = (ref.update as { ref: TaskRef }).ref);
  }

  sync(): void {
    if (!this.#context.guard.here(this.owner)) return;
    const source = this.#leader ?? this;
    const { step: before, result } = this;
    const accepted = this.#accepted;
    if (before.isLast) return;
    let end = source.#end;
    if (this.#leader && end?.status === "succeeded") end = { ...end, result: source.#make!() };
    if (this.#seen !== source.#latest) {
      this.#seen = source.#latest;
      this.step = new Step(end && this.#leader ? new Told(end) : source.#latest, end !== undefined);
      before.go(this.step);
    }
    // Before it is told, so that what forgets its records is written by then.
    if (this.#wanted && end?.status === "succeeded") this.take();
    const tell = (): void => {
      if (source.#ref) accepted.resolve(true);
      if (end?.status === "succeeded") {
        result.resolve(end.result);
        for (const listener of this.#onEnd.splice(0)) listener({ result: end.result });
      } else if (end) {
        accepted.reject(source.#error);
        result.reject(source.#error);
        for (const listener of this.#onEnd.splice(0)) listener({ error: source.#error! });
      }
    };
    const { written } = this.#context;
    if (!written) tell();
    else if (source.#ref || end) void written(this.owner).then(tell);
  }

  /** Somebody waits for its result. */
  want(): void {
    this.#wanted = true;
    if (this.step.update.status === "succeeded") this.take();
  }

  /** Somebody has its result: it need not be kept for others. */
  take(): void {
    this.#context.guard.taken(this, this.#context.forget);
  }

  /** Tells a listener of its end, at once when it comes: whoever takes it then saves the store a record. */
  onEnd(listener: (end: End) => void): void {
    if (!this.step.isLast) {
      this.#onEnd.push(listener);
    } else {
      this.result.promise.then(
        (result) => listener({ result }),
        (error: ImageError) => listener({ error }),
      );
    }
  }

  /** Resolves when its provider has it. */
  accepted(): Promise<TaskRef> {
    return this.#accepted.promise.then(() => (this.#leader ?? this).ref!);
  }

  update(text: string, accepted: boolean): void {
    // The end comes with `settle`.
    if (this.over) return;
    const told = new Told(text);
    if (accepted) {
      this.#ref = told;
      if (!this.key) this.#context.guard.name(this, this.ref!.idempotencyKey);
    }
    this.#show(told);
  }

  settle(kind: Settlement, value: object): void {
    if (kind !== "succeeded") {
      const cancelled = { code: "cancelled", message: "The task was cancelled.", ...this.#reason };
      const { trouble } = this;
      const plain = kind === "cancelled" ? cancelled : trouble === undefined ? {} : { cause: trouble };
      return this.end(locate(toError({ ...plain, ...value }), this.called));
    }
    if (this.over) return;
    const make = (this.#make = this.#toResult(value as PlainResult));
    const result = make();
    this.#ref ??= this.#toRef(result);
    this.#over({ status: "succeeded", result });
  }

  /** Ends without a result. */
  end(error: ImageError): void {
    if (this.over) return;
    this.#error = error;
    if (error.code === "cancelled") return this.#over({ status: "cancelled" });
    // A turn later: whoever waits for it has said so by then.
    if (!this.heard) setTimeout(() => this.heard || this.#context.unheard(error));
    this.#over({ status: "failed", error: error as AnyImageError });
  }

  #over(end: TaskUpdate): void {
    this.#end = end;
    const { guard } = this.#context;
    if (end.status === "succeeded") guard.hold(this);
    else guard.remove(this);
    this.#show(new Told(end));
    this.#context.drop(this.number);
    // Handles to it may be kept; the pictures of its request need not be.
    this.register = () => "";
    this.called = undefined;
  }

  /** One of those who want it does so no more; the last one's word cancels it. */
  release(reason: unknown): void {
    if (--this.root.holders <= 0) this.cancel(reason);
  }

  cancel(reason: unknown): CancelVerdict {
    if (this.over) return "too-late";
    const { guard } = this.#context;
    const task = this.#leader ?? this;
    if (reason !== undefined) task.#reason = { cause: reason };
    const alive = (): boolean => guard.tasks.has(this.number);
    const blamed = (): Live[] => (alive() ? [task] : []);
    const verdict = guard.run(this.owner, blamed, (core) => core.cancel(this.number), { again: alive });
    guard.wakeSoon(this.owner);
    return verdict || "too-late";
  }

  /** One of those who want it has left. True: it goes on, for others or with its provider, and nobody hears of it; else it ends as cancelled. */
  leave(reason: unknown): boolean {
    if (this.over) return false;
    if (--this.root.holders > 0) return true;
    const { guard } = this.#context;
    const task = this.#leader ?? this;
    if (reason !== undefined) task.#reason = { cause: reason };
    const alive = (): boolean => guard.tasks.has(this.number);
    const goesOn = guard.run(
      this.owner,
      () => (alive() ? [task] : []),
      (core) => core.leave(this.number),
      {
        again: alive,
      },
    );
    guard.wakeSoon(this.owner);
    return goesOn ?? false;
  }

  #show(told: Told): void {
    this.#latest = told;
    this.sync();
    for (const follower of this.followers) follower.sync();
    this.#context.changed(this, told);
  }

  #toResult(plain: PlainResult): () => ImageResult {
    const made = plain.images.map(this.#context.image);
    const failures = plain.failures.map(({ index, error }) => ({ index, error: toError(error) as AnyImageError }));
    // The plain one is for the first request, which most have only.
    let own: object | undefined = plain;
    return () => {
      const images = made.map((make) => make());
      const result = Object.assign(own ?? { ...plain }, { image: images[0]!, images, failures });
      own = undefined;
      return result as ImageResult;
    };
  }

  // For a task that was over before it was seen to be accepted.
  #toRef({ provider, model, taskId, metadata }: ImageResult): TaskRef {
    const part = { index: 0, provider, model, ...(taskId && { taskId }), idempotencyKey: this.key };
    return { v: 1, idempotencyKey: this.key, parts: [part], ...(metadata && { metadata }) };
  }
}

type PlainResult = Omit<ImageResult, "image" | "images" | "failures"> & {
  images: PlainImage[];
  failures: { index: number; error: ImageErrorInit }[];
};

/** A promise that knows whether anybody has asked for what becomes of it, and raises no unhandledrejection of its own. */
class Watched<T> extends Promise<T> {
  // What `then` makes is a plain promise.
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }
  #live: LiveTask | undefined;

  protected watch(live: LiveTask): void {
    super.then(undefined, () => {});
    this.#live = live.root;
  }
  override then<A = T, B = never>(
    onfulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: any) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    if (this.#live) this.#live.heard = true;
    return super.then(onfulfilled, onrejected);
  }
}

const { then: plainThen } = Promise.prototype;

/** The reference of a task once it is accepted. What ends it before also ends this promise, perhaps with the signal's own reason. */
const accepted = (live: LiveTask, task: Promise<unknown>): Promise<TaskRef> =>
  live.accepted().catch(() => plainThen.call(task, () => live.accepted()) as Promise<TaskRef>);

/** What `submit` gives. */
export class Acceptance extends Watched<TaskRef> {
  constructor(live: LiveTask, signal: AbortSignal | undefined) {
    const task = new TaskHandle(live, signal);
    super((resolve, reject) => {
      accepted(live, task).then(resolve, reject);
      plainThen.call(task, undefined, reject);
    });
    this.watch(live);
  }
}

/** A caller's handle to a task, with a signal of its own. */
export class TaskHandle extends Watched<ImageResult> implements ImageTask {
  readonly #live: LiveTask;

  constructor(live: LiveTask, signal?: AbortSignal) {
    let abort: (() => void) | undefined;
    super((resolve, reject) => {
      abort = () => {
        reject(signal!.reason);
        live.release(signal!.reason);
      };
      live.result.promise.then(resolve, reject);
    });
    this.#live = live;
    live.root.holders++;
    this.watch(live);
    if (signal?.aborted) {
      abort!();
    } else if (signal) {
      const forget = onAbort(signal, abort!);
      live.result.promise.then(forget, forget);
    }
  }

  get idempotencyKey(): string {
    return this.#live.key;
  }
  get state(): TaskUpdate {
    this.#live.root.heard = true;
    return this.#seen(this.#live.step.update);
  }
  override then<A = ImageResult, B = never>(
    onfulfilled?: ((result: ImageResult) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: any) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#live.want();
    return super.then(onfulfilled, onrejected);
  }
  ref(): Promise<TaskRef> {
    this.#live.root.heard = true;
    return accepted(this.#live, this);
  }
  /** Whoever is shown the result has it. */
  #seen(update: TaskUpdate): TaskUpdate {
    if (update.status === "succeeded") this.#live.take();
    return update;
  }
  async cancel(reason?: unknown): Promise<CancelVerdict> {
    return this.#live.cancel(reason);
  }
  async *[Symbol.asyncIterator](): AsyncGenerator<TaskUpdate, void, undefined> {
    this.#live.root.heard = true;
    for (let { step } = this.#live; ; step = await step.next) {
      yield this.#seen(step.update);
      if (step.isLast) return;
    }
  }
}
