import type { CancelVerdict, Core, Settlement } from "./core.js";
import { toError, type ImageError, type ImageErrorInit } from "./errors.js";
import type { Guard, Live } from "./guard.js";
import type { PlainImage } from "./image.js";
import type { Image, ImageResult, ImageTask, TaskRef, TaskUpdate } from "./types.js";

/** What a task needs of its client. */
export interface TaskContext {
  readonly guard: Guard;
  /** Told of every update. */
  readonly changed: (task: LiveTask, update: TaskUpdate) => void;
  /** Takes hold of a picture: each request makes an object of its own from it. */
  readonly image: (plain: PlainImage) => () => Image;
  /** Where an owner dies with its request, and what it was writing with it: when its writes are done. */
  readonly written: ((owner: number) => Promise<unknown>) | undefined;
  /** Lets go of what the task held. */
  readonly drop: (task: number) => void;
}

/** An update, and a promise of the next: late joiners hold on to the latest only. */
interface Step {
  readonly update: TaskUpdate;
  readonly next: Promise<Step>;
  readonly go: (next: Step) => void;
}
const step = (update: TaskUpdate): Step => {
  let go!: (next: Step) => void;
  const next = new Promise<Step>((resolve) => (go = resolve));
  return { update, next, go };
};
const isLast = ({ status }: TaskUpdate): boolean =>
  status === "succeeded" || status === "failed" || status === "cancelled";

/** One promise whose ends lie open; unheard rejections are nobody's fault. */
class Deferred<T> {
  resolve!: (value: T) => void;
  reject!: (reason: unknown) => void;
  readonly promise = new Promise<T>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
  constructor() {
    this.promise.catch(() => {});
  }
}

const first: TaskUpdate = { status: "waiting", reason: "concurrency", ahead: 0 };

/**
 * The one task behind all handles to it. What is known of it is plain data; its promises belong to the request that made it, and only that resolves
 * them. Another request that wants the task has a follower, with promises of its own.
 */
export class LiveTask implements Live {
  readonly records = new Map<string, string>();
  readonly followers = new Set<LiveTask>();
  ref: TaskRef | undefined;
  readonly sent = new Set<number>();
  traps = 0;
  readonly result = new Deferred<ImageResult>();
  readonly accepted = new Deferred<TaskRef>();
  /** What its own request has been told. */
  step = step(first);
  /** What is known, in whatever context it came to light. */
  #latest: TaskUpdate = first;
  #seen: TaskUpdate = first;
  #make: (() => ImageResult) | undefined;
  #error: ImageError | undefined;
  readonly #leader: LiveTask | undefined;
  #reason: { cause?: unknown } = {};
  /** Echoed in events. */
  labels: { tenant?: string; metadata?: Record<string, string> } = {};
  register: (core: Core, records?: unknown[]) => string = () => "";
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
    this.followers.add(follower);
    guard.run(
      owner,
      () => [],
      (core) => core.join(this.number, owner),
    );
    guard.wakeSoon(owner);
    follower.sync();
    return follower;
  }

  get over(): boolean {
    return isLast((this.#leader ?? this).#latest);
  }

  sync(): void {
    if (!this.#context.guard.here(this.owner)) return;
    const source = this.#leader ?? this;
    const { step: known, result, accepted } = this;
    let update = source.#latest;
    if (isLast(known.update)) return;
    if (this.#leader && update.status === "succeeded") update = { ...update, result: source.#make!() };
    if (this.#seen !== source.#latest) {
      this.#seen = source.#latest;
      this.step = step(update);
      known.go(this.step);
    }
    const tell = (): void => {
      if (source.ref) accepted.resolve(source.ref);
      if (update.status === "succeeded") {
        result.resolve(update.result);
      } else if (isLast(update)) {
        accepted.reject(source.#error);
        result.reject(source.#error);
      }
    };
    const { written } = this.#context;
    if (!written) tell();
    else if (source.ref || isLast(update)) void written(this.owner).then(tell);
  }

  update(plain: object): void {
    const update = plain as TaskUpdate;
    // The end comes with `settle`.
    if (this.over || isLast(update)) return;
    if ("ref" in update) {
      this.ref = update.ref;
      this.#context.guard.name(this, update.ref.idempotencyKey);
    }
    this.#show("error" in update ? { ...update, error: toError(update.error) } : update);
  }

  settle(kind: Settlement, value: object): void {
    if (kind !== "succeeded") {
      const cancelled = { code: "cancelled", message: "the task was cancelled", ...this.#reason };
      return this.end(toError({ ...(kind === "cancelled" && cancelled), ...value }));
    }
    if (this.over) return;
    const make = (this.#make = this.#toResult(value as PlainResult));
    const result = make();
    this.ref ??= this.#toRef(result);
    this.#show({ status: "succeeded", result });
    this.#leave();
  }

  /** Ends without a result. */
  end(error: ImageError): void {
    if (this.over) return;
    this.#error = error;
    this.#show(error.code === "cancelled" ? { status: "cancelled" } : { status: "failed", error });
    this.#leave();
  }

  #leave(): void {
    this.#context.guard.remove(this);
    this.#context.drop(this.number);
    // Handles to it may be kept; the pictures of its request need not be.
    this.register = () => "";
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

  #show(update: TaskUpdate): void {
    this.#latest = update;
    this.sync();
    for (const follower of this.followers) follower.sync();
    this.#context.changed(this, update);
  }

  #toResult(plain: PlainResult): () => ImageResult {
    const made = plain.images.map(this.#context.image);
    const failures = plain.failures.map(({ index, error }) => ({ index, error: toError(error) }));
    return () => {
      const images = made.map((make) => make());
      return { ...plain, image: images[0]!, images, failures };
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

/** A caller's handle to a task, with a signal of its own. */
export class TaskHandle extends Promise<ImageResult> implements ImageTask {
  // What `then` makes is a plain promise.
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }
  readonly #live: LiveTask;

  constructor(live: LiveTask, signal?: AbortSignal) {
    let abort: (() => void) | undefined;
    super((resolve, reject) => {
      abort = () => {
        reject(signal!.reason);
        live.cancel(signal!.reason);
      };
      live.result.promise.then(resolve, reject);
    });
    this.#live = live;
    this.catch(() => {});
    if (signal?.aborted) {
      abort!();
    } else if (signal) {
      signal.addEventListener("abort", abort!, { once: true });
      const forget = (): void => signal.removeEventListener("abort", abort!);
      live.result.promise.then(forget, forget);
    }
  }

  get idempotencyKey(): string {
    return this.#live.key;
  }
  get state(): TaskUpdate {
    return this.#live.step.update;
  }
  ref(): Promise<TaskRef> {
    // What ends the task before acceptance also ends this promise, perhaps with the signal's own reason.
    return this.#live.accepted.promise.catch(() => this.then(() => this.#live.accepted.promise));
  }
  async cancel(reason?: unknown): Promise<CancelVerdict> {
    return this.#live.cancel(reason);
  }
  async *[Symbol.asyncIterator](): AsyncGenerator<TaskUpdate, void, undefined> {
    for (let { step } = this.#live; ; step = await step.next) {
      yield step.update;
      if (isLast(step.update)) return;
    }
  }
}
