import { AskForm } from "./ask.js";
import type { Card } from "./card.js";
import { Connection } from "./connection.js";
import { byId, setText } from "./dom.js";
import { Gallery } from "./gallery.js";
import { Gate } from "./gate.js";
import { Runs } from "./runs.js";
import { bindSettings } from "./settings.js";
import { Simulator, simulatorAddress } from "./simulator.js";
import { Tally } from "./tally.js";
import { bindView } from "./view.js";
import { Watch } from "./watch.js";

/** How often the figures move, in ms. */
const TICK = 200;

function start(address: string): void {
  const tally = new Tally();
  const gate = new Gate(tally);
  const runs = new Runs(tally);
  const gallery = new Gallery((card) => void cancelOne(card));
  const connection = new Connection(address, (client) => {
    gate.watch(client);
    runs.watch(client);
  });
  const simulator = new Simulator(address);
  const watch = new Watch(simulator, runs.keys);
  const [clear, retry] = [byId("clear", HTMLButtonElement), byId("retry", HTMLButtonElement)];
  const form = new AskForm({
    generate(asked) {
      const client = connection.use(form.told);
      runs.start(client, gallery.add(asked));
      show();
    },
    cancel() {
      runs.abort();
      show();
    },
    told: show,
  });

  /** The task under the card's key is joined, and then cancelled for both. */
  async function cancelOne(card: Card): Promise<void> {
    await connection.client?.resume(card.idempotencyKey).cancel();
    gallery.focusAfter(card);
  }

  function show(): void {
    const now = performance.now();
    const busy = tally.open > 0;
    gate.tell(form.told);
    gate.show(connection.client, now);
    gallery.tick(now);
    form.show(busy);
    clear.disabled = busy || gallery.size === 0;
    retry.hidden = busy || runs.mendable.size === 0;
    setText(retry, `Retry ${runs.mendable.size} of ${tally.failed} failed`);
  }

  retry.addEventListener("click", () => {
    runs.retry();
    show();
  });
  clear.addEventListener("click", () => {
    runs.clear();
    gallery.clear();
    tally.reset();
    watch.forget();
    show();
  });
  bindView();
  bindSettings(simulator);
  void watch.start(() => tally.open > 0);
  setInterval(show, TICK);
  show();
}

const address = simulatorAddress(location.search);
if (address) {
  start(address);
} else {
  byId("link", HTMLParagraphElement).dataset["state"] = "gone";
  byId("link-text", HTMLSpanElement).textContent = "no simulator: add ?simulator=http://127.0.0.1:PORT to the address";
  byId("generate", HTMLButtonElement).disabled = true;
}
