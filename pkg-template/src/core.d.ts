// The types of the generated glue, `dist/core.js`: one instance of the wasm module, and so one `Core`, for each client.
import type { ClientStatus, Limits } from "./types-limits.js";
import type { Fetch, RetryPolicy, TaskRef } from "./types.js";

export declare function instantiate(module: object): { Core: new (host: Host, config: CoreConfig) => Core };

/** Any exception out of a method is a trap: the instance is never touched again. */
export interface Core {
  /** Registers the task and returns its idempotency key; sends nothing before the next `wake(owner)`. */
  submit(task: number, owner: number, request: object, options: CoreOptions, records?: unknown[]): string;
  /** Joins a provider's task again; returns its idempotency key, "" where it is not known yet. */
  resume(task: number, owner: number, ref: unknown, options: CoreOptions, records?: unknown[]): string;
  /** The live task that a key, ref or `{ provider, taskId }` names, or -1. */
  find(ref: unknown): number;
  /** After a trap, before the task is registered anew: the submit of this part is in flight as `call`. */
  adopt(call: number, task: number, part: number): void;
  /** Says in whose context all that follows happens: whose effects may be performed. */
  enter(owner: number): void;
  /** Another owner wants the task, too, and from now on performs its effects. */
  join(task: number, owner: number): void;
  /** Fetches an image; settles as `task`, with a result of one image that has a handle. */
  download(task: number, owner: number, url: string): void;
  /** Looks whether a provider's key is good; settles as `task`, with a report. */
  check(task: number, owner: number, provider: string): void;
  /**
   * Begins a probe; returns how many tasks are to be made that bear its number as their `probe`. The budget is for it (0), or for all probes of a day (1) or a
   * month (2). Settles as `task`, with a report.
   */
  probe(task: number, owner: number, model: string, max: number, budget: number, per: number): number;
  /** The headers that `authorize` left open are filled, and the form is made. */
  begin(call: number): void;
  answer(call: number, status: number, headers: Headers, kind: BodyKind, value: unknown): void;
  failed(call: number, fault: Fault, message: string): void;
  stored(seq: number, ok: boolean): void;
  loaded(seq: number, record: unknown): void;
  /** Enters, too. */
  wake(owner: number): void;
  /** "" where it could not be asked. */
  cancel(task: number): CancelVerdict | "";
  pause(batch: number, paused: boolean): void;
  /** Until the last of a batch should be over, ms, with so many items still to be handed in; negative if nothing is known. */
  eta(batch: number, more: number): number;
  /** The unfinished ones of these parsed records. */
  refs(records: unknown[]): TaskRef[];
  status(): ClientStatus;
  close(): void;
  /** In test builds only: traps. */
  trap?(): void;
}

export type CancelVerdict = "before-submit" | "confirmed" | "too-late" | "unsupported";
/** 0 JSON, 1 other text (its head), 2 over the limit, 3 cut short or not UTF-8, 4 bytes, 5 redirect, 6 empty. */
export type BodyKind = 0 | 1 | 2 | 3 | 4 | 5 | 6;
/** 0 network, 1 aborted by us, 2 no key from the apiKey function, 3 an image that goes in could not be had. */
export type Fault = 0 | 1 | 2 | 3;
/** 0 submit, 1 poll, 2 image, 3 check, 4 list. */
export type Purpose = 0 | 1 | 2 | 3 | 4;

export interface CoreConfig {
  seed?: number | undefined;
  /** Calls are numbered from here on. */
  firstCall: number;
  providers: {
    name: string;
    dialect: string;
    baseURL?: string | undefined;
    account?: string | undefined;
    keyed: boolean;
    /** Whether `authorize` with `refresh` may bring another key. */
    refreshable: boolean;
    limits?: Limits | undefined;
    prices?: Record<string, number> | undefined;
  }[];
  retry?: RetryPolicy | undefined;
  timeout?: number | undefined;
  deadline?: number | undefined;
  maxWait?: number | undefined;
  /** How many connections each owner has; left out: as many as it likes. */
  connections?: number | undefined;
}

export interface CoreOptions {
  timeout?: number;
  deadline?: number;
  maxWait?: number;
  retry?: RetryPolicy;
  download?: boolean;
  idempotencyKey?: string;
  /** The caller gave the key. */
  keep?: boolean;
  priority?: "interactive" | "batch";
  tenant?: string;
  weight?: number;
  metadata?: Record<string, string>;
  batch?: number;
  probe?: number;
}

/** What the core calls while it runs effects. Nothing here throws. */
export interface Host {
  now(): number;
  wall(): number;
  /** False: `begin` or `failed` follows. `form` describes a body to make; see `toForm`. */
  authorize(call: number, provider: number, headers: Headers, refresh: boolean, form?: string): boolean;
  /** The form of a call, once. */
  form(call: number): FormData | undefined;
  readonly fetch?: Fetch | undefined;
  file(
    call: number,
    task: number,
    part: number,
    purpose: Purpose,
    promise: Promise<Response>,
    controller: AbortController,
    limit: number,
  ): void;
  abort(call: number): void;
  /** Keeps a long string of an answer on this side. */
  hold(value: string): number;
  /** A string of an answer is an image of that task. */
  keep(handle: number, task: number): void;
  /** Lets a string go, unless it is kept for a task. */
  release(handle: number): void;
  put(seq: number, key: string, record: string): void;
  remove(key: string): void;
  load(seq: number, key: string): void;
  update(task: number, update: object): void;
  settle(task: number, kind: Settlement, value: object): void;
  listens(name: string): boolean;
  event(name: string, value: object): void;
  log(level: "error" | "warn" | "info" | "debug", message: string): void;
  arm(owner: number, ms: number): void;
}
export type Settlement = "succeeded" | "failed" | "cancelled";
