import type { Fetch } from "tidegate";
import worker from "./page-simulator-worker.ts?worker&url";
import type { Charge, Settings, Simulator, Stats } from "./simulator.js";

/** What the worker is asked for. */
export type Want =
  | {
      kind: "fetch";
      request: {
        url: string;
        redirect: RequestRedirect;
        method: string;
        headers: [string, string][];
        body?: ArrayBuffer;
      };
    }
  | { kind: "abort" }
  | { kind: "settings" | "stats" | "ledger" }
  | { kind: "change"; patch: Settings };
/** A question under a number. */
export interface Call {
  id: number;
  want: Want;
}
/** Its answer; there is none to an abort. */
export type Answer = { id: number; ok: true; value: unknown } | { id: number; ok: false; message: string };

/** What TypeScript's library does not know yet of the policies that make addresses of scripts. */
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

/** The simulator in wasm, in a worker of this page. */
export class PageSimulator implements Simulator {
  readonly place = "simulator in this page";
  readonly origin = "https://simulator.test";
  readonly #worker: Worker;
  readonly #open = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #serial = 0;

  constructor() {
    // The page's policy asks who makes addresses of scripts: this one, and nobody else.
    const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
    const policy = trustedTypes?.createPolicy("worker", { createScriptURL: (url) => url });
    this.#worker = new Worker(policy?.createScriptURL(worker) ?? worker, { type: "module" });
    this.#worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => {
      const open = this.#open.get(data.id);
      this.#open.delete(data.id);
      if (data.ok) open?.resolve(data.value);
      else open?.reject(new TypeError(data.message));
    });
    this.#worker.addEventListener("error", ({ message }) => {
      for (const { reject } of this.#open.values()) reject(new Error(message || "the simulator did not start"));
      this.#open.clear();
    });
  }

  readonly fetch: Fetch = async (...parameters) => {
    const request = new Request(...parameters);
    request.signal.throwIfAborted();
    const body = request.body || request.method !== "GET" ? await request.arrayBuffer() : undefined;
    const id = ++this.#serial;
    const abort = (): void => {
      this.#worker.postMessage({ id, want: { kind: "abort" } } satisfies Call);
      this.#open.get(id)?.reject(request.signal.reason as Error);
      this.#open.delete(id);
    };
    request.signal.addEventListener("abort", abort);
    const { url, redirect, method } = request;
    const headers = [...request.headers] as [string, string][];
    try {
      const answer = await this.#ask<{ status: number; headers: [string, string][]; body: ArrayBuffer }>(
        { kind: "fetch", request: { url, redirect, method, headers, ...(body && { body }) } },
        id,
      );
      const response = new Response(answer.body, { status: answer.status, headers: answer.headers });
      return Object.defineProperty(response, "url", { value: url });
    } finally {
      request.signal.removeEventListener("abort", abort);
    }
  };

  settings(): Promise<Settings> {
    return this.#ask({ kind: "settings" });
  }

  change(patch: Settings): Promise<Settings> {
    return this.#ask({ kind: "change", patch });
  }

  stats(): Promise<Stats> {
    return this.#ask({ kind: "stats" });
  }

  ledger(): Promise<Charge[]> {
    return this.#ask({ kind: "ledger" });
  }

  #ask<T>(want: Want, id = ++this.#serial): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#open.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#worker.postMessage({ id, want } satisfies Call);
    });
  }
}
