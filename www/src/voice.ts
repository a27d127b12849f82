import type { ImageError } from "tidegate";
import { byId, setText } from "./dom.js";
import { count } from "./format.js";
import type { Tally } from "./tally.js";

/** How long what is said may stand before the next, in ms; an end is told at once. */
const PAUSE = 5000;

/** Says for ears how it goes: failures, how many are here now and then, and the end. */
export class Voice {
  readonly #tally: Tally;
  readonly #spoken = byId("spoken", HTMLParagraphElement);
  #failures: string[] = [];
  #at = -PAUSE;
  #told = "";
  #running = false;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  failed(number: number, { code }: ImageError): void {
    if (code !== "cancelled") this.#failures.push(`Picture ${number} failed: ${code}.`);
  }

  tick(now: number): void {
    const { open, asked, done, failed, cancelled } = this.#tally;
    const ended = this.#running && open === 0;
    this.#running = open > 0;
    if (!ended && (open === 0 || now - this.#at < PAUSE)) return;
    const some = this.#failures.splice(0);
    const failures = some.length > 3 ? `${count(some.length, "more picture")} failed.` : some.join(" ");
    const rest = [failed && `${failed} failed`, cancelled && `${cancelled} cancelled`].filter(Boolean).join(", ");
    const state = `${ended ? "All over: " : ""}${done} of ${asked} pictures are here${rest && `, ${rest}`}.`;
    const text = [failures, state].filter(Boolean).join(" ");
    if (text === this.#told) return;
    this.#told = text;
    this.#at = now;
    setText(this.#spoken, text);
  }
}
