import { ImageError, type BatchItem, type BatchRequest, type Client, type ImageBatch } from "tidegate";
import type { Card } from "./card.js";
import type { Tally } from "./tally.js";

type Batch = ImageBatch<Card>;

/** The batches of the page, and whose task is whose card. */
export class Runs {
  /** The idempotency keys of the tasks so far. */
  readonly keys = new Set<string>();
  readonly #tally: Tally;
  readonly #cards = new Map<string, Card>();
  readonly #open = new Set<Batch>();
  #over: Batch[] = [];
  #serial = 0;
  /** Whose failure another try could mend. */
  readonly mendable = new Set<Card>();

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  /** Follows the tasks of a client. */
  watch(client: Client): void {
    client.on("update", ({ idempotencyKey, update, metadata }) => {
      this.keys.add(idempotencyKey);
      this.#cards.get(metadata?.["card"] ?? "")?.update(idempotencyKey, update);
    });
  }

  /** Asks for a picture for each card. */
  start(client: Client, cards: Card[]): void {
    const requests = cards.map((card): BatchRequest<Card> => {
      const { prompt, model, width, height } = card.asked;
      const id = String(++this.#serial);
      this.#cards.set(id, card);
      return { key: card, prompt, model, size: `${width}x${height}`, metadata: { card: id } };
    });
    this.#tally.ask(cards.length, performance.now());
    void this.#follow(client.batch(requests, { order: "completion", download: true }));
  }

  /** Ends everything: nothing more is submitted. */
  abort(): void {
    for (const batch of this.#open) batch.abort();
  }

  /** Buys the failed ones once more, where nothing is in doubt. */
  retry(): void {
    for (const card of this.mendable) {
      card.restart();
      this.#tally.again(performance.now());
    }
    this.mendable.clear();
    for (const batch of this.#over.splice(0)) void this.#follow(batch.retryFailed(isMendable));
  }

  /** Forgets the tasks, their cards and what could be tried again. */
  clear(): void {
    this.keys.clear();
    this.#cards.clear();
    this.#over = [];
    this.mendable.clear();
  }

  async #follow(batch: Batch): Promise<void> {
    this.#open.add(batch);
    for await (const item of batch) await this.#end(item);
    this.#open.delete(batch);
    this.#over.push(batch);
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
    const cancelled = error.code === "cancelled";
    if (isMendable(error)) this.mendable.add(card);
    this.#tally.end(cancelled ? "cancelled" : "failed", performance.now());
  }
}

/** Whether another try may help, and would not buy what may be bought already. */
const isMendable = (error: ImageError): boolean => error.retryable && error.billed !== "unknown";
