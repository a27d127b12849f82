// The types of the generated glue, `dist/core.js`: one instance of the wasm module, and so one `Core`, for each client.
import type { Limits } from "./types-limits.js";
import type { RetryPolicy } from "./types-image.js";

export declare function instantiate(module: object): { Core: new (host: Host, config: string) => Core };

/** Any exception out of a method is a trap: the instance is never touched again. Data crosses as JSON text, in both directions. */
export interface Core {
  /** Registers the task and returns its idempotency key; sends nothing before the next `wake(owner)`. `records` are lines. */
  submit(task: number, owner: number, request: string, options: string, records: string): string;
  /** Joins a provider's task again; returns its idempotency key, "" where it is not known yet. */
  resume(task: number, owner: number, ref: string, options: string, records: string): string;
  /** The live task that a key, ref or `{ provider, taskId }` names, or -1. */
  find(ref: string): number;
  /** Why a request can't be had by joining a task of its key, as an error's JSON; "" where it can. */
  mismatch(task: number, request: string): string;
  /** A caller has the result of a task: its records may go. False: this core knows nothing of it. */
  taken(task: number): boolean;
  /** Nobody waits for a task any more. True: what is with the provider goes on; else it is cancelled. */
  leave(task: number): boolean;
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
  /** What waited for its credential or its form is sent. */
  begin(call: number): void;
  /** The names of the headers that it reads, with blanks between. */
  headers(): string;
  /** `headers` are lines of a name's number and a value; `handle` is that of an image, of which `body` is the head. */
  answer(call: number, status: number, headers: string, kind: BodyKind, body: Uint8Array, handle: number): void;
  failed(call: number, fault: Fault, message: string): void;
  stored(seq: number, ok: boolean): void;
  loaded(seq: number, record: string): void;
  /** Enters, too. */
  wake(owner: number): void;
  /** "" where it could not be asked. */
  cancel(task: number): CancelVerdict | "";
  pause(batch: number, paused: boolean): void;
  /** Until the last of a batch should be over, ms, with so many items still to be handed in; negative if nothing is known. */
  eta(batch: number, more: number): number;
  /** Those of these records, which are lines, that are unfinished or not taken: a list of TaskRef. */
  refs(records: string): string;
  /** ClientStatus */
  status(): string;
  close(): void;
  /** In test builds only: traps. */
  trap?(): void;
}

export type CancelVerdict = "before-submit" | "confirmed" | "too-late" | "unsupported";
/** 0 text, 1 the head of a page, 2 over the limit, 3 cut short or not UTF-8, 4 bytes, 5 redirect, 6 empty, 7 text whose long strings are held here, 8 the same of what was cut short. */
export type BodyKind = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;
/** 0 network, 1 aborted by us, 2 no key from the apiKey function, 3 an image that goes in could not be had. */
export type Fault = 0 | 1 | 2 | 3;
/** 0 submit, 1 poll, 2 image, 3 check, 4 list. */
export type Purpose = 0 | 1 | 2 | 3 | 4;

export interface CoreConfig {
  /** A number, or the digits of 64 bits. */
  seed?: number | string | undefined;
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
  /** When the fetch may give up a wait by a limit of its own, ms; left out: as far as is known never. */
  fetchLimit?: number | undefined;
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
  /**
   * Sends a request: 1 it is under way, 0 `begin` or `failed` follows.
   *
   * @param provider whose credential it gets; below zero: none, and redirects are followed
   * @param kind bits: 1 ask for the credential anew, 2 POST, 4 `body` describes a form to make; see `toForm`
   * @param limit bytes of the answer's body
   * @param head lines: the URL, and name and value of each header
   */
  send(
    call: number,
    task: number,
    part: number,
    purpose: Purpose,
    provider: number,
    kind: number,
    limit: number,
    head: string,
    body?: string,
  ): 0 | 1;
  abort(call: number): void;
  /** A string of an answer is an image of that task. */
  keep(handle: number, task: number): void;
  /** True: it is durable now. Else `stored` follows. */
  put(seq: number, key: string, record: string): boolean;
  remove(key: string): void;
  load(seq: number, key: string): void;
  /** `accepted`: the update has its reference. */
  update(task: number, accepted: boolean, update: string): void;
  settle(task: number, kind: Settlement, value: string): void;
  /** The result of a task need not be held any more. */
  release(task: number): void;
  listens(name: string): boolean;
  event(name: string, value: string): void;
  log(level: "error" | "warn" | "info" | "debug", message: string): void;
  /** By the clock of `now`; below zero: no timer. */
  arm(owner: number, at: number): void;
}
/** "late": it succeeded after its caller had heard that it would not; the value has its `ref`. */
export type Settlement = "succeeded" | "failed" | "cancelled" | "late";
