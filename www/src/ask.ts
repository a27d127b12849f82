import type { Asked } from "./card.js";
import type { Setup } from "./connection.js";
import { byId } from "./dom.js";
import { prompts } from "./prompts.js";
import { assign } from "./tenants.js";
import { choices, type Choice } from "./providers.js";
import type { Simulator } from "./simulator.js";

/** What the form may ask for. */
interface Acts {
  generate(asked: Omit<Asked, "number">[], setup: Setup): void;
  /** One picture, for somebody who waits for it. */
  now(asked: Omit<Asked, "number">, setup: Setup): void;
  pause(): void;
  cancel(): void;
  changed(): void;
}

/** The form that asks for pictures: of whom, and which. */
export class AskForm {
  readonly #simulator: Simulator;
  readonly #form = byId("ask", HTMLFormElement);
  readonly #provider = byId("provider", HTMLSelectElement);
  readonly #simulated = byId("where-simulator", HTMLInputElement);
  readonly #own = byId("where-own", HTMLInputElement);
  readonly #key = byId("key", HTMLInputElement);
  readonly #address = byId("address", HTMLInputElement);
  readonly #prompts = byId("prompts", HTMLTextAreaElement);
  readonly #count = byId("count", HTMLInputElement);
  readonly #model = byId("model", HTMLInputElement);
  readonly #size = byId("size", HTMLSelectElement);
  readonly #telling = byId("telling", HTMLSelectElement);
  readonly #told = byId("told", HTMLInputElement);
  readonly #sharing = byId("sharing", HTMLSelectElement);
  readonly #cancel = byId("cancel", HTMLButtonElement);
  readonly #pause = byId("pause", HTMLButtonElement);

  constructor(simulator: Simulator, acts: Acts) {
    this.#simulator = simulator;
    this.#provider.append(...choices.map(({ id, name }) => new Option(name, id)));
    this.#simulated.checked = true;
    this.#prompts.value = prompts.join("\n");
    this.#prompts.addEventListener("input", () => this.#prompts.setCustomValidity(""));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const asked = this.#read();
      if (asked) acts.generate(asked, this.#setup());
    });
    byId("now", HTMLButtonElement).addEventListener("click", () => {
      const [first] = this.#form.reportValidity() ? (this.#read(1) ?? []) : [];
      if (first) acts.now({ ...first, prompt: `Somebody waits for ${first.prompt}`, interactive: true }, this.#setup());
    });
    this.#cancel.addEventListener("click", () => acts.cancel());
    this.#pause.addEventListener("click", () => acts.pause());
    this.#told.addEventListener("input", () => acts.changed());
    this.#provider.addEventListener("change", () => this.#offer());
    for (const control of [this.#provider, this.#simulated, this.#own, this.#telling]) {
      control.addEventListener("change", () => {
        this.#show();
        acts.changed();
      });
    }
    this.#offer();
    this.#show();
  }

  /** How many tasks at once the client is told of; undefined where that is left out. */
  get told(): number | undefined {
    if (this.#telling.value !== "told") return undefined;
    return this.#told.validity.valid ? this.#told.valueAsNumber : 4;
  }

  /** Whether the simulator is asked, and no real provider. */
  get isSimulated(): boolean {
    return this.#simulated.checked;
  }

  /** Asks, where everything is filled in. */
  start(): void {
    this.#form.requestSubmit();
  }

  /** What can be pressed now. */
  show(state: { busy: boolean; paused: boolean }): void {
    this.#cancel.disabled = this.#pause.disabled = !state.busy;
    const name = state.paused ? "Resume" : "Pause";
    if (this.#pause.textContent !== name) this.#pause.textContent = name;
    byId("setup", HTMLFieldSetElement).disabled = state.busy;
  }

  get #choice(): Choice {
    return choices.find(({ id }) => id === this.#provider.value) ?? choices[0]!;
  }

  /** The models and sizes of the chosen provider. */
  #offer(): void {
    const { models, sizes } = this.#choice;
    byId("models", HTMLDataListElement).replaceChildren(...models.map((model) => new Option(model, model)));
    this.#model.value = models[0] ?? "";
    this.#size.replaceChildren(...sizes.map((size) => new Option(size.replace("x", " × "), size)));
  }

  #show(): void {
    const own = this.#own.checked;
    byId("own", HTMLElement).hidden = !own;
    this.#key.required = own;
    this.#address.required = own && this.#choice.needsAddress === true;
    this.#address.placeholder = this.#choice.needsAddress ? "https://…" : "its own";
    this.#told.hidden = this.#told.disabled = this.#telling.value !== "told";
  }

  #setup(): Setup {
    const choice = this.#choice;
    const told = this.told;
    const concurrency = told === undefined ? {} : { concurrency: told };
    if (this.isSimulated) {
      const { origin, fetch } = this.#simulator;
      return { choice, apiKey: "sk-demo", baseURL: origin + choice.simulated, ...concurrency, ...(fetch && { fetch }) };
    }
    const address = this.#address.value.trim();
    return { choice, apiKey: this.#key.value.trim(), ...(address && { baseURL: address }), ...concurrency };
  }

  #read(count = this.#count.valueAsNumber): Omit<Asked, "number">[] | undefined {
    const lines = this.#prompts.value.split("\n").flatMap((line) => line.trim() || []);
    if (lines.length === 0) {
      this.#prompts.setCustomValidity("At least one line with words in it.");
      this.#prompts.reportValidity();
      return undefined;
    }
    const [width = 0, height = 0] = this.#size.value.split("x").map(Number);
    const model = this.#model.value.trim();
    const whose = this.#sharing.value === "three" && count > 1 ? assign(count) : [];
    return Array.from({ length: count }, (_, index) => {
      const prompt = lines[index % lines.length] ?? "";
      const tenant = whose[index];
      return { prompt, model, width, height, ...(tenant && { tenant }) };
    });
  }
}
