// The simulator behind its address: what it says of itself, by its admin routes.

export class Simulated {
  #origin;

  constructor(origin) {
    this.#origin = origin;
  }

  config() {
    return this.#ask("config");
  }

  stats() {
    return this.#ask("stats");
  }

  ledger() {
    return this.#ask("ledger");
  }

  /** A new world, with the same settings. */
  reset() {
    return this.#ask("reset", { method: "POST" });
  }

  async #ask(route, init) {
    const response = await fetch(`${this.#origin}/admin/${route}`, init);
    return response.json();
  }
}
