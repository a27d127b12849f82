/** How a run of pictures goes: how many, and how long something was under way. */
export class Tally {
  asked = 0;
  done = 0;
  failed = 0;
  cancelled = 0;
  #busySince = 0;
  #spent = 0;

  get open(): number {
    return this.asked - this.done - this.failed - this.cancelled;
  }

  /** Counts what is asked for; the clock runs while anything is open. */
  ask(number: number, now: number): void {
    if (this.open === 0) this.#busySince = now;
    this.asked += number;
  }

  /** Counts an end. */
  end(kind: "done" | "failed" | "cancelled", now: number): void {
    this[kind] += 1;
    if (this.open === 0) this.#spent += now - this.#busySince;
  }

  /** Takes back the count of a failure that is tried again. */
  again(now: number): void {
    if (this.open === 0) this.#busySince = now;
    this.failed -= 1;
  }

  /** How long anything was under way, in ms. */
  elapsed(now: number): number {
    return this.#spent + (this.open > 0 ? now - this.#busySince : 0);
  }

  /** Images a minute of that time; undefined before the first. */
  rate(now: number): number | undefined {
    return this.done > 0 ? (this.done * 60_000) / this.elapsed(now) : undefined;
  }

  reset(): void {
    this.asked = this.done = this.failed = this.cancelled = this.#spent = 0;
  }
}
