import type { ImageError, ImageResult, TaskUpdate } from "tidegate";
import { make, setText } from "./dom.js";
import { count, duration } from "./format.js";
import type { Tenant } from "./tenants.js";

/** What a card stands for. */
export interface Asked {
  number: number;
  prompt: string;
  model: string;
  width: number;
  height: number;
  /** Whose it is, where tenants share the key. */
  tenant?: Tenant;
  /** Whether somebody looks at the screen for it: it goes ahead of all that is a batch. */
  interactive?: true;
}

type State = "waiting" | "submitting" | "queued" | "processing" | "succeeded" | "failed" | "cancelled";

const reasons: Readonly<Record<Extract<TaskUpdate, { status: "waiting" }>["reason"], string>> = {
  concurrency: "for a slot",
  window: "for room in the window",
  cooldown: "for the cooldown",
  day: "for tomorrow's quota",
  budget: "for the budget",
  paused: "paused",
};

/** One picture, from waiting to its end. */
export class Card {
  readonly asked: Asked;
  readonly element = make("li", "card");
  readonly #frame = make("div", "frame");
  readonly #title = make("strong");
  readonly #detail = make("span", "detail");
  readonly #fact = make("span", "fact", "");
  readonly #trace = make("code", "trace");
  readonly #cancel = make("button", "cancel");
  readonly #open = make("button", "open");
  readonly #image = make("img");
  #idempotencyKey = "";
  #state: State = "waiting";
  /** When the provider took it; its water rises from then on. */
  #begun = 0;
  #accepted = false;
  /** For what it waits, and until when, in ms since the epoch. */
  #reason = "";
  #until: number | undefined;
  /** When it should be here, on the page's clock. */
  #readyAt: number | undefined;
  #url = "";

  constructor(asked: Asked, acts: { cancel(card: Card): void; open(card: Card): void }) {
    this.asked = asked;
    const { number, prompt, width, height, tenant, interactive } = asked;
    const water = make("div", "water");
    const state = make("p", "state");
    state.append(this.#title, this.#detail, this.#trace);
    this.#cancel.type = "button";
    this.#cancel.textContent = "×";
    this.#cancel.ariaLabel = `Cancel picture ${number}`;
    this.#cancel.addEventListener("click", () => acts.cancel(this));
    Object.assign(this.#image, { alt: prompt, width, height, decoding: "async" });
    this.#open.type = "button";
    this.#open.hidden = true;
    this.#open.addEventListener("click", () => acts.open(this));
    this.#open.append(this.#image);
    this.#frame.style.setProperty("--shape", `${width} / ${height}`);
    this.#frame.append(water, state, this.#open, this.#cancel);
    const caption = make("p", "caption");
    caption.append(
      make("span", "prompt", prompt),
      make("span", "number", [`No. ${number}`, tenant?.name, interactive && "at once"].filter(Boolean).join(" · ")),
      this.#fact,
    );
    this.element.append(this.#frame, caption);
    if (tenant) this.element.dataset["tenant"] = tenant.name;
    this.#enter("waiting", "Waiting", "for its turn");
  }

  /** Known from the first update on. */
  get idempotencyKey(): string {
    return this.#idempotencyKey;
  }
  get url(): string {
    return this.#url;
  }
  get facts(): string {
    return this.#fact.title;
  }
  get over(): boolean {
    return this.#state === "succeeded" || this.#state === "failed" || this.#state === "cancelled";
  }

  /** Shows where its task stands. */
  update(idempotencyKey: string, update: TaskUpdate): void {
    this.#idempotencyKey = idempotencyKey;
    this.element.dataset["key"] = idempotencyKey;
    this.#until = update.status === "waiting" ? update.until : undefined;
    this.#readyAt = "etaMs" in update && update.etaMs !== undefined ? performance.now() + update.etaMs : undefined;
    switch (update.status) {
      case "waiting":
        this.#begun = 0;
        this.#reason = `${reasons[update.reason]}${ahead(update.ahead)}`;
        return this.#enter("waiting", "Waiting", this.#why(performance.now()));
      case "submitting":
        return this.#enter("submitting", "Submitting", update.attempt > 1 ? `attempt ${update.attempt}` : "");
      case "queued":
        this.#take();
        return this.#enter("queued", "Queued", "at the provider");
      case "processing":
        this.#take();
        return this.#enter("processing", "Painting", duration(performance.now() - this.#begun));
      case "cancelled":
        return this.#enter(
          "cancelled",
          "Cancelled",
          this.#accepted ? "after it was accepted: billed" : "never sent: free",
        );
      default:
        // The ends with a picture or an error come from the batch.
        return;
    }
  }

  /** Shows the picture; the card owns the address from now on. */
  succeed(result: ImageResult, url: string): void {
    this.#url = url;
    const { waitedMs, queuedMs, ranMs, polls } = result.timing;
    const facts = [
      `${result.provider} / ${result.model}`,
      `waited ${duration(waitedMs)}, queued ${duration(queuedMs)}, ran ${duration(ranMs)}`,
      `${count(result.attempts.length, "submit")}, ${count(polls, "poll")}`,
      result.requestId && `request ${result.requestId}`,
    ];
    this.#fact.title = facts.filter(Boolean).join(" · ");
    setText(this.#fact, duration(queuedMs + ranMs));
    this.#image.src = url;
    // Faded in once it can be painted at once; bytes that are no picture leave the frame empty.
    const shown = (): string => (this.#image.dataset["loaded"] = "");
    this.#image.decode().then(shown, shown);
    this.#frame.style.setProperty("--level", "1");
    this.#open.hidden = false;
    this.#enter("succeeded", "Here", "");
  }

  fail(error: ImageError): void {
    if (error.code === "cancelled") {
      if (!this.over) this.update(this.#idempotencyKey, { status: "cancelled" });
      return;
    }
    const { requestId, status, billed } = error;
    this.#enter("failed", error.code, error.message);
    const more = [status && status >= 400 && `HTTP ${status}`, requestId, billed !== "no" && `billed: ${billed}`];
    setText(this.#trace, more.filter(Boolean).join(" · "));
  }

  /** Back to the start, for another try. */
  restart(): void {
    this.#begun = 0;
    this.#accepted = false;
    setText(this.#trace, "");
    this.#enter("waiting", "Waiting", "for its turn");
  }

  /** Moves what moves with time. */
  tick(now: number): void {
    if (this.#state === "processing") setText(this.#detail, duration(now - this.#begun) + ready(this.#readyAt, now));
    if (this.#state === "waiting" && this.#reason) setText(this.#detail, this.#why(now));
    if (this.#begun && !this.over) {
      // Rises quickly at first and never quite to the brim, for nobody knows when a picture comes.
      const level = 1 - Math.exp((this.#begun - now) / 6000);
      this.#frame.style.setProperty("--level", (0.12 + 0.76 * level).toFixed(3));
    }
  }

  /** Puts the focus on its Cancel. */
  focus(): void {
    this.#cancel.focus();
  }

  /** Lets go of the picture. */
  remove(): void {
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.element.remove();
  }

  #why(now: number): string {
    const wait = this.#until === undefined ? 0 : this.#until - Date.now();
    return `${this.#reason}${wait > 0 ? `, ${duration(wait)} more` : ""}${ready(this.#readyAt, now)}`;
  }

  #take(): void {
    this.#accepted = true;
    this.#begun ||= performance.now();
  }

  #enter(state: State, title: string, detail: string): void {
    this.#state = state;
    this.element.dataset["state"] = state;
    setText(this.#title, title);
    setText(this.#detail, detail);
    this.#cancel.hidden = this.over;
  }
}

const ready = (at: number | undefined, now: number): string =>
  at !== undefined && at > now ? `, here in about ${Math.ceil((at - now) / 1000)} s` : "";
const ahead = (number: number): string => (number > 0 ? `, ${number} ahead` : "");
