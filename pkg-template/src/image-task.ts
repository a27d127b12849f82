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
  readonly image: (plain: PlainImage) => Image;
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

/** The one task behind all handles to it. */
export class LiveTask implements Live {
  readonly records = new Map<string, string>();
  ref: TaskRef | undefined;
  readonly sent = new Set<number>();
  traps = 0;
  readonly result = new Deferred<ImageResult>();
  readonly accepted = new Deferred<TaskRef>();
  step = step({ status: "waiting", reason: "concurrency", ahead: 0 });
  #reason: { cause?: unknown } = {};
  /** Echoed in events. */
  labels: { tenant?: string; metadata?: Record<string, string> } = {};
  register: (core: Core, records?: unknown[]) => string = () => "";
  readonly number: number;
  readonly owner: number;
  key: string;
  readonly #context: TaskContext;

  constructor(context: TaskContext, number: number, owner: number, key: string) {
    this.#context = context;
    this.number = number;
    this.owner = owner;
    this.key = key;
  }

  get over(): boolean {
    return isLast(this.step.update);
  }

  update(plain: object): void {
    const update = plain as TaskUpdate;
    // The end comes with `settle`.
    if (this.over || isLast(update)) return;
    this.#show("error" in update ? { ...update, error: toError(update.error) } : update);
    if ("ref" in update) {
      this.ref = update.ref;
      this.#context.guard.name(this, update.ref.idempotencyKey);
      this.accepted.resolve(update.ref);
    }
  }

  settle(kind: Settlement, value: object): void {
    if (kind !== "succeeded") {
      const cancelled = { code: "cancelled", message: "the task was cancelled", ...this.#reason };
      return this.end(toError({ ...(kind === "cancelled" && cancelled), ...value }));
    }
    if (this.over) return;
    const result = this.#toResult(value as PlainResult);
    this.#show({ status: "succeeded", result });
    this.accepted.resolve((this.ref ??= this.#toRef(result)));
    this.result.resolve(result);
    this.#leave();
  }

  /** Ends without a result. */
  end(error: ImageError): void {
    if (this.over) return;
    this.#show(error.code === "cancelled" ? { status: "cancelled" } : { status: "failed", error });
    this.accepted.reject(error);
    this.result.reject(error);
    this.#leave();
  }

  #leave(): void {
    this.#context.guard.remove(this);
    this.#context.drop(this.number);
  }

  cancel(reason: unknown): CancelVerdict {
    if (this.over) return "too-late";
    const { guard } = this.#context;
    if (reason !== undefined) this.#reason = { cause: reason };
    if (!guard.tasks.has(this.number)) {
      // Not registered yet: its store is still being asked.
      this.settle("cancelled", {});
      return "before-submit";
    }
    const alive = (): boolean => guard.tasks.has(this.number);
    const blamed = (): Live[] => (alive() ? [this] : []);
    const verdict = guard.run(this.owner, blamed, (core) => core.cancel(this.number), { again: alive });
    guard.wakeSoon(this.owner);
    return verdict || "too-late";
  }

  #show(update: TaskUpdate): void {
    const next = step(update);
    this.step.go(next);
    this.step = next;
    this.#context.changed(this, update);
  }

  #toResult(plain: PlainResult): ImageResult {
    const images = plain.images.map(this.#context.image);
    const failures = plain.failures.map(({ index, error }) => ({ index, error: toError(error) }));
    return { ...plain, image: images[0]!, images, failures };
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
    return this.#live.accepted.promise.catch(() => this.then(() => this.#live.ref!));
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
