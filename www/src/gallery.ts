import { Card, type Asked } from "./card.js";
import { byId } from "./dom.js";
import { view } from "./view.js";

/** All cards, in the order in which they were asked for. */
export class Gallery {
  readonly #cards: Card[] = [];
  readonly #list = byId("gallery", HTMLOListElement);
  readonly #empty = byId("empty", HTMLDivElement);
  readonly #cancel: (card: Card) => void;
  #number = 0;

  /** `cancel` is asked for one card's task. */
  constructor(cancel: (card: Card) => void) {
    this.#cancel = cancel;
  }

  get size(): number {
    return this.#cards.length;
  }

  /** Adds a card for each. */
  add(asked: Omit<Asked, "number">[]): Card[] {
    const acts = { cancel: this.#cancel, open: view };
    const cards = asked.map((one) => new Card({ ...one, number: ++this.#number }, acts));
    this.#cards.push(...cards);
    this.#list.append(...cards.map((card) => card.element));
    this.#empty.hidden = true;
    return cards;
  }

  /** Where a card's own button is gone and had the focus: goes on to the next that can be cancelled. */
  focusAfter(card: Card): void {
    const rest = this.#cards.slice(this.#cards.indexOf(card) + 1);
    if (card.over && document.activeElement === document.body) rest.find((next) => !next.over)?.focus();
  }

  tick(now: number): void {
    for (const card of this.#cards) card.tick(now);
  }

  /** Takes all cards away, and their pictures out of memory. */
  clear(): void {
    for (const card of this.#cards.splice(0)) card.remove();
    this.#number = 0;
    this.#empty.hidden = false;
  }
}
