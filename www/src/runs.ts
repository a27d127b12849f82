import {
  ImageError,
  type BatchItem,
  type BatchRequest,
  type Client,
  type ImageBatch,
  type ImageRequest,
  type ImageTask,
} from "tidegate";
import type { Card } from "./card.js";
import type { Course } from "./chart/course.js";
import type { Tally } from "./tally.js";
import type { Voice } from "./voice.js";

type Batch = ImageBatch<Card>;

/** The batches of the page, and whose task is whose card. */
export class Runs {
  /** The idempotency keys of the tasks so far. */
  readonly keys = new Set<string>();
  /** How often each prompt was asked for. */
  readonly prompts = new Map<string, number>();
  readonly #tally: Tally;
  readonly #course: Course;
  readonly #voice: Voice;
  readonly #ids = new Map<Card, string>();
  readonly #cards = new Map<string, Card>();
  readonly #open = new Set<Batch>();
  readonly #single = new Set<ImageTask>();
  #over: Batch[] = [];
  #serial = 0;
  /** Whose failure another try could mend. */
  readonly mendable = new Set<Card>();

  #paused = false;

  constructor(tally: Tally, course: Course, voice: Voice) {
    this.#tally = tally;
    this.#course = course;
    this.#voice = voice;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** How long the batches still take, as far as the client can tell. */
  get etaMs(): number | undefined {
    const times = [...this.#open].map(({ progress }) => progress.etaMs ?? NaN);
    const longest = Math.max(0, ...times);
    return longest > 0 ? longest : undefined;
  }

  /** Follows the tasks of a client. */
  watch(client: Client): void {
    client.on("update", ({ idempotencyKey, update, metadata }) => {
      this.keys.add(idempotencyKey);
      const id = metadata?.["card"] ?? "";
      this.#cards.get(id)?.update(idempotencyKey, update);
      this.#course.history.update(id, update);
    });
  }

  /** Asks for a picture for each card. */
  start(client: Client, cards: Card[]): void {
    this.pause(false);
    this.#course.history.begin();
    const requests = cards.map((card): BatchRequest<Card> => {
      const { tenant } = card.asked;
      return { key: card, ...this.#request(card), ...(tenant && { tenant: tenant.name, weight: tenant.weight }) };
    });
    this.#tally.ask(cards.length, performance.now());
    void this.#follow(client.batch(requests, { order: "completion", download: true }));
  }

  /** Asks for one picture now, ahead of all that waits in batches. */
  async now(client: Client, card: Card): Promise<void> {
    this.#course.history.begin();
    const { metadata, ...request } = this.#request(card);
    this.#tally.ask(1, performance.now());
    const task = client.generate(request, { priority: "interactive", download: true, metadata });
    this.#single.add(task);
    try {
      await this.#end({ key: card, ok: true, result: await task });
    } catch (cause) {
      this.#fail(card, ImageError.is(cause) ? cause : new ImageError({ message: String(cause) }));
    }
    this.#single.delete(task);
  }

  /** Ends everything: nothing more is submitted. */
  abort(): void {
    for (const batch of this.#open) batch.abort();
    for (const task of this.#single) void task.cancel();
  }

  /** Submits nothing more for a while, or goes on. */
  pause(paused: boolean): void {
    this.#paused = paused;
    for (const batch of this.#open) {
      if (paused) batch.pause();
      else batch.resume();
    }
  }

  /** Buys the failed ones once more, where nothing is in doubt. */
  retry(): void {
    this.#course.history.begin();
    for (const card of this.mendable) {
      card.restart();
      this.#row(card);
      this.#tally.again(performance.now());
    }
    this.mendable.clear();
    for (const batch of this.#over.splice(0)) void this.#follow(batch.retryFailed(isMendable));
  }

  /** Forgets the tasks, their cards and what could be tried again. */
  clear(): void {
    this.keys.clear();
    this.prompts.clear();
    this.#cards.clear();
    this.#ids.clear();
    this.#over = [];
    this.mendable.clear();
  }

  async #follow(batch: Batch): Promise<void> {
    this.#open.add(batch);
    for await (const item of batch) await this.#end(item);
    this.#open.delete(batch);
    this.#over.push(batch);
    if (this.#open.size === 0) this.#paused = false;
  }

  #request(card: Card): ImageRequest & { metadata: { card: string } } {
    const { prompt, model, width, height } = card.asked;
    const id = String(++this.#serial);
    this.#cards.set(id, card);
    this.#ids.set(card, id);
    this.#row(card);
    this.prompts.set(prompt, (this.prompts.get(prompt) ?? 0) + 1);
    return { prompt, model, size: `${width}x${height}`, metadata: { card: id } };
  }

  #row(card: Card): void {
    const { number, tenant, interactive, prompt } = card.asked;
    const name = [`No. ${number}`, tenant?.name, interactive && "at once", prompt].filter(Boolean).join(", ");
    this.#course.history.add(this.#ids.get(card) ?? "", name, tenant?.name);
  }

  async #end(item: BatchItem<Card>): Promise<void> {
    const card = item.key;
    if (item.ok) {
      try {
        card.succeed(item.result, URL.createObjectURL(await item.result.image.blob()));
        this.#tally.end("done", performance.now());
      } catch (cause) {
        this.#fail(card, ImageError.is(cause) ? cause : new ImageError({ message: String(cause) }));
      }
    } else {
      this.#fail(card, item.error);
    }
  }

  #fail(card: Card, error: ImageError): void {
    card.fail(error);
    this.#voice.failed(card.asked.number, error);
    const cancelled = error.code === "cancelled";
    // What its provider had goes on without the batch, and tells of no end here.
    if (cancelled) this.#course.history.update(this.#ids.get(card) ?? "", { status: "cancelled" });
    if (isMendable(error)) this.mendable.add(card);
    this.#tally.end(cancelled ? "cancelled" : "failed", performance.now());
  }
}

/** Whether another try may help, and would not buy what may be bought already. */
const isMendable = (error: ImageError): boolean => error.retryable && error.billed !== "unknown";
