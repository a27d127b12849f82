import { byId } from "./dom.js";

type Theme = "auto" | "light" | "dark";
const KEY = "tidegate-theme";
const order: readonly Theme[] = ["auto", "light", "dark"];
const names: Readonly<Record<Theme, string>> = { auto: "Theme: auto", light: "Theme: light", dark: "Theme: dark" };

/** The button that chooses light, dark or the system's; the choice is remembered. `changed` is called when the colours are others. */
export function bindTheme(changed: () => void): void {
  const button = byId("theme", HTMLButtonElement);
  const root = document.documentElement;
  let theme = order.find((one) => one === root.dataset["theme"]) ?? "auto";
  const show = (): void => {
    if (theme === "auto") delete root.dataset["theme"];
    else root.dataset["theme"] = theme;
    button.textContent = names[theme];
    changed();
  };
  button.addEventListener("click", () => {
    theme = order[(order.indexOf(theme) + 1) % order.length] ?? "auto";
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // Without storage the choice holds for this visit.
    }
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  show();
}
