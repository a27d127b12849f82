import type { TaskUpdate } from "tidegate";
import { tenants } from "../tenants.js";

/** What a tenant has, now. */
export interface Standing {
  waiting: number;
  running: number;
  done: number;
  /** Slots that it got while every tenant had work that waited. */
  contended: number;
}
type State = "waiting" | "running" | "done";

/** The tenants of a run: whose tasks wait, hold slots and are done, now and over time. */
export class Crowd {
  standings: Standing[] = [];
  /** Times in seconds, and for each tenant its running and its waiting tasks. */
  at: number[] = [];
  running: number[][] = [];
  waiting: number[][] = [];
  readonly #tasks = new Map<string, { tenant: number; state: State; contended: boolean }>();

  constructor() {
    this.clear();
  }

  /** Whether there are any. */
  get present(): boolean {
    return this.#tasks.size > 0;
  }

  clear(): void {
    this.standings = tenants.map(() => ({ waiting: 0, running: 0, done: 0, contended: 0 }));
    this.at = [];
    this.running = tenants.map(() => []);
    this.waiting = tenants.map(() => []);
    this.#tasks.clear();
  }

  add(card: string, name: string): void {
    const tenant = tenants.findIndex((one) => one.name === name);
    const standing = this.standings[tenant];
    if (!standing) return;
    this.#tasks.set(card, { tenant, state: "waiting", contended: false });
    standing.waiting += 1;
  }

  update(card: string, { status }: TaskUpdate): void {
    const task = this.#tasks.get(card);
    const standing = task && this.standings[task.tenant];
    if (!standing) return;
    const state = states[status];
    if (!state || state === task.state || task.state === "done") return;
    if (state === "running") {
      task.contended = this.standings.every(({ waiting }) => waiting > 0);
      if (task.contended) standing.contended += 1;
    } else if (state === "waiting" && task.contended) {
      // Refused: it had no slot.
      standing.contended -= 1;
    }
    standing[task.state] -= 1;
    standing[state] += 1;
    task.state = state;
  }

  /** Takes down the present. */
  sample(now: number): void {
    if (!this.present) return;
    this.at.push(now);
    this.standings.forEach(({ running, waiting }, index) => {
      this.running[index]?.push(running);
      this.waiting[index]?.push(waiting);
    });
  }

  /** The fair shares of those who wait at a moment, by their weights; they add up to 1 where anybody does. */
  fair(index: number): number[] {
    const weights = tenants.map(({ weight }, tenant) => ((this.waiting[tenant]?.[index] ?? 0) > 0 ? weight : 0));
    const all = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => (all > 0 ? weight / all : 0));
  }

  /** The share of the slots that a tenant got while all of them waited; undefined before the first. */
  share(tenant: number): number | undefined {
    const all = this.standings.reduce((sum, { contended }) => sum + contended, 0);
    return all > 0 ? (this.standings[tenant]?.contended ?? 0) / all : undefined;
  }
}

const states: Readonly<Partial<Record<TaskUpdate["status"], State>>> = {
  waiting: "waiting",
  submitting: "running",
  queued: "running",
  processing: "running",
  succeeded: "done",
  failed: "done",
  cancelled: "done",
};
