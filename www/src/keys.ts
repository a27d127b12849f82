import { byId } from "./dom.js";

const KEY = "tidegate-single-keys";

/** What a shortcut may do. */
export interface Acts {
  start(): void;
  cancel(): void;
  pause(): void;
}

/** Shortcuts, and the dialog that tells them. Single letters act outside of fields only, and can be switched off. */
export function bindKeys(acts: Acts): void {
  const help = byId("help", HTMLDialogElement);
  const single = byId("single-keys", HTMLInputElement);
  single.checked = remembered() !== "off";
  single.addEventListener("change", () => remember(single.checked ? "on" : "off"));
  byId("help-open", HTMLButtonElement).addEventListener("click", () => help.showModal());
  help.addEventListener("click", (event) => {
    if (event.target === help) help.close();
  });

  const letters: Readonly<Record<string, () => void>> = {
    g: acts.start,
    p: acts.pause,
    x: acts.cancel,
    "?": () => help.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      return acts.start();
    }
    if (event.ctrlKey || event.metaKey || event.repeat || !single.checked || isTyping(event.target)) return;
    const act = letters[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

/** Whether letters pressed there are meant for the element itself. */
const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  target.matches("input:not([type=range], [type=checkbox], [type=radio]), select, textarea");

function remembered(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function remember(value: string): void {
  try {
    localStorage.setItem(KEY, value);
  } catch {
    // Without storage the choice holds for this visit.
  }
}
