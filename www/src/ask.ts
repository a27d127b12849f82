import type { Asked } from "./card.js";
import { byId } from "./dom.js";
import { prompts } from "./prompts.js";

/** The form that asks for pictures. */
export class AskForm {
  readonly #form = byId("ask", HTMLFormElement);
  readonly #prompts = byId("prompts", HTMLTextAreaElement);
  readonly #count = byId("count", HTMLInputElement);
  readonly #told = byId("told", HTMLInputElement);
  readonly #cancel = byId("cancel", HTMLButtonElement);

  constructor(acts: { generate(asked: Omit<Asked, "number">[]): void; cancel(): void; told(): void }) {
    this.#prompts.value = prompts.join("\n");
    this.#prompts.addEventListener("input", () => this.#prompts.setCustomValidity(""));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const asked = this.#read();
      if (asked) acts.generate(asked);
    });
    this.#cancel.addEventListener("click", () => acts.cancel());
    this.#told.addEventListener("input", () => acts.told());
  }

  /** How many tasks at once the client is told of. */
  get told(): number {
    return this.#told.validity.valid ? this.#told.valueAsNumber : 4;
  }

  /** What can be pressed now. */
  show(busy: boolean): void {
    this.#cancel.disabled = !busy;
    this.#told.disabled = busy;
  }

  #read(): Omit<Asked, "number">[] | undefined {
    const lines = this.#prompts.value.split("\n").flatMap((line) => line.trim() || []);
    if (lines.length === 0) {
      this.#prompts.setCustomValidity("At least one line with words in it.");
      this.#prompts.reportValidity();
      return undefined;
    }
    const [width = 0, height = 0] = byId("size", HTMLSelectElement).value.split("x").map(Number);
    const model = byId("model", HTMLSelectElement).value;
    return Array.from({ length: this.#count.valueAsNumber }, (_, index) => {
      const prompt = lines[index % lines.length] ?? "";
      return { prompt, model, width, height };
    });
  }
}
