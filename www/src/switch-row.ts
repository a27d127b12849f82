import { make } from "./dom.js";
import type { Switch } from "./switches.js";

/** One setting: a switch, and beside it how much, while it is on. */
export class SwitchRow {
  readonly element = make("div", "switch-row");
  readonly setting: string;
  readonly #switch: Switch;
  readonly #box = make("input");
  readonly #amount = make("input");
  readonly #told = make("output");
  readonly #words = make("select");
  /** What it is switched on with the next time. */
  #last: number | string;

  /** `change` is told every new value of the setting. */
  constructor(one: Switch, change: (value: unknown) => void) {
    this.#switch = one;
    this.setting = one.setting;
    this.#last = one.on === true ? 1 : one.on;
    const label = make("label", "switch");
    if (one.help) this.element.title = this.#box.title = one.help;
    this.#box.type = "checkbox";
    this.#box.setAttribute("role", "switch");
    this.#box.dataset["switch"] = one.setting;
    label.append(this.#box, make("span", "", one.name));
    this.element.append(label);
    this.#box.addEventListener("change", () => change(this.#box.checked ? this.#on() : this.#off()));
    if (one.kind === "flag") return;
    if (one.kind === "word") {
      const options = Object.entries(one.words ?? {}).map(([value, name]) => new Option(name, value));
      this.#words.append(...options);
      this.#words.ariaLabel = `${one.name}: which`;
      this.#words.addEventListener("change", () => change((this.#last = this.#words.value)));
      this.element.append(this.#words);
      return;
    }

    this.element.append(this.#amount);
    if (one.kind === "share") {
      Object.assign(this.#amount, { type: "range", min: "5", max: "90", step: "5", ariaLabel: `${one.name}: percent` });
      this.element.append(this.#told);
      this.#amount.addEventListener("input", () => (this.#told.value = `${this.#amount.value} %`));
    } else {
      Object.assign(this.#amount, { type: "number", min: "1", max: "100000", required: true, ariaLabel: one.name });
    }
    this.#amount.addEventListener("change", () => {
      if (!this.#amount.reportValidity()) return;
      const value = this.#amount.valueAsNumber;
      this.#last = one.kind === "share" ? value / 100 : value;
      change(this.#last);
    });
  }

  /** Shows the simulator's value. */
  show(value: unknown): void {
    const { kind, off } = this.#switch;
    const isWord = kind === "word";
    const on = isWord ? value !== off : kind === "flag" ? value === true : typeof value === "number" && value > 0;
    this.#box.checked = on;
    this.#amount.hidden = this.#told.hidden = this.#words.hidden = !on || kind === "flag";
    this.element.dataset["amount"] = this.#amount.hidden ? "none" : kind;
    if (on && isWord && typeof value === "string") this.#last = this.#words.value = value;
    if (!on || typeof value !== "number") return;
    this.#last = value;
    this.#amount.value = String(kind === "share" ? Math.round(value * 100) : value);
    this.#told.value = `${this.#amount.value} %`;
  }

  #on(): unknown {
    return this.#switch.kind === "flag" ? true : this.#last;
  }

  #off(): unknown {
    return { share: 0, number: null, flag: false, word: this.#switch.off }[this.#switch.kind];
  }
}
