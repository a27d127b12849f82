import { audit, type Own } from "./audit.js";
import { byId, make, setText } from "./dom.js";
import { count, dollars } from "./format.js";
import type { Simulator, Stats } from "./simulator.js";

const rows: readonly (readonly [name: string, read: (stats: Stats) => string])[] = [
  ["In flight", (stats) => figure(stats, "in_flight")],
  ["Most in flight", (stats) => figure(stats, "peak_in_flight")],
  ["Submits", (stats) => figure(stats, "submits")],
  ["Refusals", (stats) => figure(stats, "refusals")],
  ["Errors", (stats) => figure(stats, "errors")],
  ["Lost", (stats) => figure(stats, "lost")],
  ["Broken answers", (stats) => figure(stats, "hostile")],
  ["Altered on the way", (stats) => figure(stats, "intermediary")],
  ["Replays", (stats) => figure(stats, "replays")],
  ["Polls", (stats) => figure(stats, "polls")],
  ["Images billed", (stats) => figure(stats, "charges")],
  ["Charged", (stats) => dollars(stats["charged_micro_usd"] ?? 0)],
  ["Keys leaked", (stats) => figure(stats, "leaked_credentials")],
];
const figure = (stats: Stats, name: string): string => String(stats[name] ?? 0);

/** Asks the simulator what it saw, and compares its ledger with the page's own tasks. */
export class Watch {
  readonly #simulator: Simulator;
  readonly #own: Own;
  readonly #values: HTMLElement[];
  readonly #link = byId("link", HTMLParagraphElement);
  /** Charges that were there before; unknown until the first look. */
  #before: number | undefined;

  constructor(simulator: Simulator, own: Own) {
    this.#simulator = simulator;
    this.#own = own;
    this.#values = rows.map(([name]) => {
      const [row, value] = [make("div"), make("dd", "", "–")];
      row.append(make("dt", "", name), value);
      byId("seen", HTMLDListElement).append(row);
      return value;
    });
  }

  /** Compares from now on only. */
  forget(): void {
    this.#before = undefined;
  }

  /** Asks again and again: often while something is under way. */
  async start(busy: () => boolean): Promise<never> {
    for (;;) {
      await this.#look();
      const pause = busy() ? 700 : 2500;
      for (let waited = 0; waited < pause; waited += 100) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        if (pause > 700 && busy()) break;
      }
    }
  }

  async #look(): Promise<void> {
    try {
      const [stats, ledger] = await Promise.all([this.#simulator.stats(), this.#simulator.ledger()]);
      // Fewer charges than before: it was started again.
      this.#before = Math.min(this.#before ?? ledger.length, ledger.length);
      this.#show(stats);
      const { images, usd, twice, strange } = audit(ledger, this.#before, this.#own);
      const billed = byId("billed", HTMLElement);
      setText(billed, images > 0 ? `${images} · ${dollars(usd * 1_000_000)}` : "0");
      billed.title = strange > 0 ? `and ${count(strange, "charge")} for earlier tasks` : "";
      const paidTwice = byId("twice", HTMLElement);
      setText(paidTwice, String(twice));
      paidTwice.dataset["good"] = String(twice === 0);
      this.#connected("here", this.#simulator.place);
    } catch {
      this.#connected("gone", "the simulator does not answer");
    }
  }

  #show(stats: Stats): void {
    rows.forEach(([, read], index) => {
      const value = this.#values[index];
      if (value) setText(value, read(stats));
    });
  }

  #connected(state: string, text: string): void {
    this.#link.dataset["state"] = state;
    setText(byId("link-text", HTMLSpanElement), text);
  }
}
