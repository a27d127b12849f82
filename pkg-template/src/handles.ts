/** Bytes and whatever else stays on this side; the core knows numbers. */
export class Handles {
  readonly #held = new Map<number, { task: number; data: unknown }>();
  /** What each task has been given, whether it still has it or not. */
  readonly #given = new Map<number, number[]>();
  #last = 0;

  hold(task: number, data: unknown): number {
    const handle = ++this.#last;
    this.#held.set(handle, { task, data });
    this.#give(handle, task);
    return handle;
  }
  get(handle: number): unknown {
    return this.#held.get(handle)?.data;
  }
  keep(handle: number, task: number): void {
    const held = this.#held.get(handle);
    if (!held) return;
    held.task = task;
    this.#give(handle, task);
  }
  /** What a settled task held. */
  drop(task: number): void {
    for (const handle of this.#given.get(task) ?? [])
      if (this.#held.get(handle)?.task === task) this.#held.delete(handle);
    this.#given.delete(task);
  }
  #give(handle: number, task: number): void {
    const given = this.#given.get(task);
    if (given) given.push(handle);
    else this.#given.set(task, [handle]);
  }
}
