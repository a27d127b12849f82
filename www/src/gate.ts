import type { Client, ClientEvents, LaneStatus } from "tidegate";
import { belief, windowText } from "./belief.js";
import { byId, make, setText } from "./dom.js";
import { count, duration } from "./format.js";
import type { Tally } from "./tally.js";

/** More slots than that are told in figures only. */
const MOST_SLUICES = 24;

/** The panel that shows what the client believes. */
export class Gate {
  readonly #tally: Tally;
  readonly #sluices = byId("sluices", HTMLDivElement);
  readonly #tide = byId("tide", HTMLParagraphElement);
  readonly #figures = new Map<string, Element>();
  #lane: LaneStatus | undefined;
  #refusal: { event: ClientEvents["refusal"]; at: number } | undefined;
  #limit: number | undefined;
  #told: number | undefined;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  /** Knows nothing any more. */
  forget(): void {
    this.#lane = this.#refusal = undefined;
  }

  /** Follows a client's lane. */
  watch(client: Client): void {
    this.forget();
    client.on("limit", (lane) => (this.#lane = lane));
    client.on("refusal", (event) => (this.#refusal = { event, at: performance.now() }));
  }

  /** Shows the number that the next client will be told; undefined where none is. */
  tell(limit: number | undefined): void {
    this.#told = limit;
    if (!this.#lane) this.#limit = limit;
  }

  /** Shows the present; `etaMs` is how long the run still takes, undefined where nobody can tell. */
  show(client: Client | undefined, now: number, run: { paused: boolean; etaMs: number | undefined }): void {
    const status = client?.status();
    // One provider and one key: one lane.
    this.#lane = status?.lanes[0] ?? this.#lane;
    const limit = this.#lane?.limit ?? this.#limit;
    const held = this.#lane?.held ?? 0;
    const waiting = status?.waiting ?? 0;
    const closedMs = (this.#lane?.pausedUntil ?? 0) - Date.now();
    const tally = this.#tally;
    const rate = tally.rate(now);
    this.#draw(limit ?? 0, held);
    this.#figure("waiting", String(waiting));
    this.#figure("arrived", String(tally.done));
    this.#figure("limit", limit === undefined ? "–" : String(limit));
    this.#figure("held", String(held));
    this.#figure("refusals", String(this.#lane?.refusals ?? 0));
    this.#figure("cooldown", closedMs > 0 ? duration(closedMs) : "–");
    this.#figure("failed", String(tally.failed));
    this.#figure("elapsed", duration(tally.elapsed(now)));
    this.#figure("rate", rate === undefined ? "–" : rate.toFixed(1));
    const refusedMs = this.#refusal && now - this.#refusal.at;
    this.#figure("belief", belief(this.#lane, { told: this.#told, refusedMs, busy: tally.open > 0 }));
    this.#drawWindow();
    this.#tell(closedMs, held, waiting, run.paused);
    const left = tally.open > 0 && run.etaMs !== undefined ? `${Math.ceil(run.etaMs / 1000)} s` : "–";
    this.#figure("left", left);
  }

  #draw(limit: number, held: number): void {
    const wanted = Math.min(limit, MOST_SLUICES);
    this.#sluices.parentElement?.style.setProperty("--slots", String(wanted));
    while (this.#sluices.childElementCount > wanted) this.#sluices.lastElementChild?.remove();
    while (this.#sluices.childElementCount < wanted) {
      const sluice = make("span", "sluice");
      sluice.append(make("i"));
      this.#sluices.append(sluice);
    }
    [...this.#sluices.children].forEach((sluice, index) => sluice.classList.toggle("held", index < held));
  }

  /** A limit over time as a bar: how much of it is used. */
  #drawWindow(): void {
    const window = this.#lane?.window;
    const block = byId("window", HTMLElement);
    block.hidden = !window;
    if (!window) return;
    const { rpm, used, known } = window;
    block.dataset["known"] = known;
    const bar = byId("window-bar", HTMLMeterElement);
    Object.assign(bar, { max: rpm, value: Math.min(used, rpm) });
    setText(byId("window-known", HTMLElement), known);
    setText(byId("window-text", HTMLElement), `${used} used of ${windowText(window)}`);
  }

  #tell(closedMs: number, held: number, waiting: number, paused: boolean): void {
    const [state, text] = this.#story(closedMs, held, waiting, paused);
    this.#tide.dataset["state"] = state;
    setText(byId("tide-text", HTMLSpanElement), text);
  }

  #story(closedMs: number, held: number, waiting: number, paused: boolean): [state: string, text: string] {
    const { open, asked, done, failed, cancelled } = this.#tally;
    if (paused && open > 0) return ["closed", "Paused: what was submitted goes on, nothing more is."];
    if (closedMs > 0 && open > 0) {
      return [
        "closed",
        `Closed for ${duration(closedMs)}: ${this.#refusalText() ?? "the provider asked for a pause"}.`,
      ];
    }
    const window = this.#lane?.window;
    if (open > 0 && waiting > 0 && window && window.used >= window.rpm)
      return ["closed", `Full for now: ${windowText(window)} is used up, and goes on as it falls free.`];
    if (open > 0)
      return [
        "open",
        waiting > 0
          ? "Open: each slot that falls free is taken at once."
          : `Open: the last ${count(held || open, "picture")} on the way.`,
      ];
    if (asked === 0) return ["calm", "Nothing is under way."];
    const rest = [failed && `${failed} failed`, cancelled && `${cancelled} cancelled`].filter(Boolean).join(", ");
    return ["calm", `All over: ${done} of ${asked} pictures are here${rest && `, ${rest}`}.`];
  }

  #refusalText(): string | undefined {
    if (!this.#refusal) return undefined;
    const { axis, retryAfterMs } = this.#refusal.event;
    const of = axis === "unknown" ? "" : ` (${axis})`;
    return `refused${of}${retryAfterMs === undefined ? ", without a hint" : `, told to wait ${duration(retryAfterMs)}`}`;
  }

  #figure(id: string, text: string): void {
    const element = this.#figures.get(id) ?? byId(id, HTMLElement);
    this.#figures.set(id, element);
    setText(element, text);
  }
}
