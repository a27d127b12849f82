import { AskForm } from "./ask.js";
import type { Card } from "./card.js";
import { Course } from "./chart/course.js";
import { Connection } from "./connection.js";
import { byId, setText } from "./dom.js";
import { Gallery } from "./gallery.js";
import { Gate } from "./gate.js";
import { bindKeys } from "./keys.js";
import { Runs } from "./runs.js";
import { bindSettings } from "./settings.js";
import { findSimulator } from "./find-simulator.js";
import { Tally } from "./tally.js";
import { bindTheme } from "./theme.js";
import { bindView } from "./view.js";
import { Voice } from "./voice.js";
import { Watch } from "./watch.js";

/** How often the figures and the charts move, in ms; who wants little motion sees them step. */
const TICK = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1000 : 200;

const simulator = await findSimulator(location.search);
const tally = new Tally();
const voice = new Voice(tally);
const gate = new Gate(tally);
const course = new Course();
const runs = new Runs(tally, course, voice);
const gallery = new Gallery((card) => void cancelOne(card));
const connection = new Connection((client) => {
  gate.watch(client);
  course.history.watch(client);
  runs.watch(client);
});
const watch = new Watch(simulator, runs);
const [clear, retry] = [byId("clear", HTMLButtonElement), byId("retry", HTMLButtonElement)];
const form = new AskForm(simulator, {
  generate(asked, setup) {
    const problem = byId("problem", HTMLParagraphElement);
    setText(problem, "");
    try {
      const client = connection.use(setup);
      runs.start(client, gallery.add(asked));
    } catch (error) {
      setText(problem, error instanceof Error ? error.message : String(error));
    }
    show();
  },
  pause,
  cancel,
  changed: show,
});

function pause(): void {
  if (tally.open > 0) runs.pause(!runs.paused);
  show();
}

function cancel(): void {
  runs.abort();
  show();
}

/** The task under the card's key is joined, and then cancelled for both. */
async function cancelOne(card: Card): Promise<void> {
  await connection.client?.resume(card.idempotencyKey).cancel();
  gallery.focusAfter(card);
}

function show(): void {
  const now = performance.now();
  const busy = tally.open > 0;
  gate.tell(form.told);
  gate.show(connection.client, now, runs.paused);
  gallery.tick(now);
  voice.tick(now);
  if (busy) course.tick(connection.client);
  else if (course.history.running) course.end(connection.client);
  form.show({ busy, paused: runs.paused });
  byId("simulator", HTMLElement).hidden = !form.isSimulated;
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
  course.clear();
  tally.reset();
  watch.forget();
  show();
});
bindView();
bindTheme(() => course.recolour());
bindKeys({ start: () => form.start(), pause, cancel });
bindSettings(simulator);
void watch.start(() => tally.open > 0);
setInterval(show, TICK);
show();
