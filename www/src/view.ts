import type { Card } from "./card.js";
import { byId } from "./dom.js";

/** Shows one picture large. */
export function view(card: Card): void {
  const dialog = byId("view", HTMLDialogElement);
  const image = byId("view-image", HTMLImageElement);
  const { prompt, width, height } = card.asked;
  Object.assign(image, { src: card.url, alt: prompt, width, height });
  byId("view-prompt", HTMLParagraphElement).textContent = prompt;
  byId("view-facts", HTMLParagraphElement).textContent = `${width} × ${height} · ${card.facts}`;
  dialog.showModal();
}

/** A press beside the picture closes it too. */
export function bindView(): void {
  const dialog = byId("view", HTMLDialogElement);
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
}
