import type { Client, LaneStatus, TaskUpdate } from "tidegate";
import { Crowd } from "./crowd.js";
import { Row, type Mark } from "./row.js";

/** The lane over time, as columns; times in seconds since the run began. */
export interface Samples {
  at: number[];
  limit: number[];
  held: number[];
  waiting: number[];
  phase: LaneStatus["phase"][];
  window: (LaneStatus["window"] | undefined)[];
  /** What the simulator takes at once, which the client is not told; null where there is no such limit or no simulator. */
  cap: (number | null)[];
}

const nothing = (): Samples => ({ at: [], limit: [], held: [], waiting: [], phase: [], window: [], cap: [] });

/** What happened from the moment something was under way until nothing was: the lane, its marks, and a row for each task. */
export class History {
  rows: Row[] = [];
  samples = nothing();
  marks: Mark[] = [];
  /** When the lane was closed by a cooldown. */
  closed: { from: number; to: number }[] = [];
  /** Whose tasks they are, where tenants share the key. */
  readonly crowd = new Crowd();
  /** The provider's true limit at once. */
  cap: number | null = null;
  readonly #byCard = new Map<string, Row>();
  #origin = 0;
  #wallOrigin = 0;
  #endedAt: number | undefined;
  #running = false;
  #refused = 0;

  get running(): boolean {
    return this.#running;
  }

  /** Seconds of this run; stands still after its end. */
  get now(): number {
    return this.#endedAt ?? (this.#running ? (performance.now() - this.#origin) / 1000 : 0);
  }

  /** Starts again, unless the run still goes on. */
  begin(): void {
    if (this.#running) return;
    this.clear();
    this.#origin = performance.now();
    this.#wallOrigin = Date.now();
    this.#running = true;
  }

  /** Adds the row of a card's task. */
  add(card: string, name: string, tenant?: string): void {
    const row = new Row(name, this.now);
    this.rows.push(row);
    this.#byCard.set(card, row);
    if (tenant !== undefined) this.crowd.add(card, tenant);
  }

  end(): void {
    if (!this.#running) return;
    this.#endedAt = this.now;
    this.#running = false;
  }

  clear(): void {
    this.rows = [];
    this.samples = nothing();
    this.crowd.clear();
    this.marks = [];
    this.closed = [];
    this.#byCard.clear();
    this.#endedAt = undefined;
    this.#running = false;
    this.#refused = 0;
  }

  /** Follows a client's lane and the requests that it makes. */
  watch(client: Client): void {
    client.on("limit", (lane) => this.#sample(lane, client.status().waiting));
    client.on("refusal", () => {
      if (!this.#running) return;
      this.marks.push({ kind: "refusal", at: this.now });
      this.#refused += 1;
    });
    client.on("http", ({ status }) => {
      if (this.#running && (status === undefined || status >= 500)) this.marks.push({ kind: "fault", at: this.now });
    });
  }

  /** Follows the task of a card. */
  update(card: string, update: TaskUpdate): void {
    const row = this.#byCard.get(card);
    if (!row) return;
    this.crowd.update(card, update);
    // The event of a refusal names no task; the next that goes back from its submit to waiting is it.
    if (update.status === "waiting" && row.phase === "submitting") {
      row.mark(this.#refused > 0 ? "refusal" : "fault", this.now);
      this.#refused = Math.max(0, this.#refused - 1);
    }
    row.update(update, this.now, (wall) => (wall - this.#wallOrigin) / 1000);
  }

  /** Takes down the present. */
  look(client: Client | undefined): void {
    const status = client?.status();
    // One provider and one key: one lane.
    const lane = status?.lanes[0];
    if (status && lane) this.#sample(lane, status.waiting);
    if (this.#running) this.crowd.sample(this.now);
  }

  /** The last sample at or before a moment. */
  sampleAt(moment: number): number {
    const { at } = this.samples;
    let low = 0;
    let high = at.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((at[middle] ?? 0) <= moment) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #sample({ limit, held, phase, window, pausedUntil }: LaneStatus, waiting: number): void {
    if (!this.#running) return;
    const { samples, now, cap } = this;
    const last = samples.at.length - 1;
    const same = (index: number): boolean =>
      samples.limit[index] === limit &&
      samples.held[index] === held &&
      samples.waiting[index] === waiting &&
      samples.phase[index] === phase &&
      samples.window[index]?.known === window?.known &&
      samples.window[index]?.rpm === window?.rpm &&
      samples.cap[index] === cap;
    // A run of equal samples needs its first and its last only.
    if (last > 0 && same(last) && same(last - 1)) {
      samples.at[last] = now;
    } else {
      samples.at.push(now);
      samples.limit.push(limit);
      samples.held.push(held);
      samples.waiting.push(waiting);
      samples.phase.push(phase);
      samples.window.push(window);
      samples.cap.push(cap);
    }
    if (pausedUntil !== undefined) this.#close(now, (pausedUntil - this.#wallOrigin) / 1000);
  }

  #close(from: number, to: number): void {
    if (to <= from) return;
    const last = this.closed.at(-1);
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else this.closed.push({ from, to });
  }
}
