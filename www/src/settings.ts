import { byId } from "./dom.js";
import type { Settings, Simulator } from "./simulator.js";
import { SwitchRow } from "./switch-row.js";
import { groups } from "./switches.js";
import { presets, weathers } from "./weather.js";

type Control = HTMLInputElement | HTMLSelectElement;

/** How a setting looks in its control, and back. */
interface Kind {
  show(value: unknown): string;
  read(text: string): unknown;
}
const kinds: Readonly<Record<string, Kind>> = {
  text: { show: String, read: (text) => text },
  integer: { show: String, read: Number },
  seconds: { show: (value) => String(Number(value) / 1000), read: (text) => Math.round(Number(text) * 1000) },
};

/** The form with the simulator's settings: shows them, sends each change at once, and tells `seen` what holds. */
export function bindSettings(simulator: Simulator, seen: (settings: Settings) => void): void {
  const form = byId("settings", HTMLFormElement);
  const note = byId("settings-note", HTMLParagraphElement);
  const controls = [...form.querySelectorAll<Control>("[data-setting]")];
  const buttons = [...document.querySelectorAll<HTMLButtonElement>("[data-weather], [data-preset]")];
  const patchOf = ({ dataset: { weather, preset } }: HTMLElement): Settings =>
    weathers[weather ?? ""] ?? presets[preset ?? ""] ?? {};

  const show = (settings: Settings): void => {
    seen(settings);
    for (const control of controls) showSetting(control, settings[control.dataset["setting"] ?? ""]);
    for (const row of rows) row.show(settings[row.setting]);
    for (const button of buttons) {
      const patch = Object.entries(patchOf(button));
      button.setAttribute("aria-pressed", String(patch.every(([name, value]) => settings[name] === value)));
    }
    byId("settings-fields", HTMLFieldSetElement).disabled = false;
  };
  let pending = 0;
  const count = (step: number): void => void (form.dataset["pending"] = String((pending += step)));
  const change = async (patch: Settings): Promise<void> => {
    count(1);
    try {
      show(await simulator.change(patch));
      tell("Saved: it holds from now on.", "saved");
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error), "refused");
    }
    count(-1);
  };
  const tell = (text: string, state: string): void => {
    note.textContent = text;
    note.dataset["state"] = state;
  };

  const rows = Object.entries(groups).flatMap(([group, switches]) => {
    const list = byId(`switches-${group}`, HTMLElement);
    return switches.map((one) => {
      const row = new SwitchRow(one, (value) => void change({ [one.setting]: value }));
      list.append(row.element);
      return row;
    });
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const control of controls) {
    control.addEventListener("change", () => {
      if (control.reportValidity())
        void change({ [control.dataset["setting"] ?? ""]: kindOf(control).read(control.value) });
    });
  }
  for (const button of buttons) {
    button.addEventListener("click", () => void change(patchOf(button)));
  }
  simulator.settings().then(show, () => tell("The simulator cannot be reached.", "refused"));
}

const kindOf = (control: Control): Kind => kinds[control.dataset["kind"] ?? ""] ?? kinds["text"]!;

function showSetting(control: Control, value: unknown): void {
  const text = kindOf(control).show(value);
  if (control instanceof HTMLSelectElement && ![...control.options].some((option) => option.value === text)) {
    // Set by a flag or by somebody else: shown as it is.
    control.add(new Option(text, text));
  }
  control.value = text;
}
