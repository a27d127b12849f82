import type { Guard } from "./guard.js";
import type { Handles } from "./handles.js";
import type { Log } from "./log.js";
import type { createAuthorizer } from "./providers.js";
import type { Journal } from "./store.js";
import type { Fetch } from "./types-host.js";
import type { Clock } from "./types.js";

export interface HostSettings {
  readonly clock?: Clock | undefined;
  readonly fetch?: Fetch | undefined;
  readonly authorizers: readonly ReturnType<typeof createAuthorizer>[];
  readonly journal: Journal;
  readonly log: Log;
  /** Whether there are listeners of an event. */
  readonly listens: (name: string) => boolean;
  /** A task has succeeded for which nobody waits any more. */
  readonly late: (task: number, owner: number, value: object) => void;
  /** Tells them. */
  readonly emit: (name: string, value: object) => void;
}

/** A signal whose request has come to its end serves another one: each is an object that hosts are slow to make. */
export interface Signal {
  readonly controller: AbortController;
  uses: number;
}

/** What all that is done for one core has in common. */
export interface Generation {
  readonly settings: HostSettings;
  readonly guard: Guard;
  readonly number: number;
  /** Another core has come: what was meant for this one counts for nothing. */
  readonly stale: () => boolean;
  readonly now: () => number;
  readonly handles: Handles;
  /** Those that are free. */
  readonly signals: Signal[];
}
