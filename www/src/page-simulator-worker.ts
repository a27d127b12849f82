// The simulator of a page without a server, in a worker: drawing a picture takes a tenth of a second, and the page should not stand still for it.
import { createSimulator } from "tidegate/testing";
import type { Answer, Call, Want } from "./page-simulator.js";

/** A few seconds a picture, as `cargo xtask demo` sets its server. */
const simulator = createSimulator({ cap: 23, clock: "real", latencyMs: 60, durationMs: [2000, 6000] });
const { world } = simulator;
const calls = new Map<number, AbortController>();

/** The part of a worker's global scope that is used; the page's own types are those of a window. */
const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<Call>) => void;
  postMessage(answer: Answer, transfer: Transferable[]): void;
};

scope.onmessage = ({ data: { id, want } }) => {
  if (want.kind === "abort") {
    calls.get(id)?.abort();
    return;
  }
  act(id, want).then(
    (value) =>
      scope.postMessage(
        { id, ok: true, value },
        value instanceof Object && "body" in value ? [value.body as ArrayBuffer] : [],
      ),
    (error: unknown) =>
      scope.postMessage({ id, ok: false, message: error instanceof Error ? error.message : String(error) }, []),
  );
};

async function act(id: number, want: Exclude<Want, { kind: "abort" }>): Promise<unknown> {
  switch (want.kind) {
    case "fetch": {
      const controller = new AbortController();
      calls.set(id, controller);
      try {
        const { url, ...init } = want.request;
        const response = await simulator.fetch(url, { ...init, signal: controller.signal });
        const body = await response.arrayBuffer();
        return { status: response.status, headers: [...response.headers], body };
      } finally {
        calls.delete(id);
      }
    }
    case "settings":
      return world.settings();
    case "change":
      world.change(want.patch);
      return world.settings();
    case "stats":
      return world.stats();
    case "ledger":
      return world.ledger();
  }
}
