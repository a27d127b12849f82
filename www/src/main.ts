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
const forget = byId("forget", HTMLButtonElement);
/** What the simulator takes at once. */
let cap: number | null = null;
const [clear, retry] = [byId("clear", HTMLButtonElement), byId("retry", HTMLButtonElement)];
const form = new AskForm(simulator, {
  generate(asked, setup) {
    attempt(() => runs.start(connection.use(setup), gallery.add(asked)));
  },
  now(asked, setup) {
    attempt(() => {
      const [card] = gallery.add([asked]);
      if (card) void runs.now(connection.use(setup), card);
    });
  },
  pause,
  cancel,
  changed: show,
});

/** Acts, and tells in the form what was wrong with it. */
function attempt(act: () => void): void {
  const problem = byId("problem", HTMLParagraphElement);
  setText(problem, "");
  try {
    act();
  } catch (error) {
    setText(problem, error instanceof Error ? error.message : String(error));
  }
  show();
}

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
  gate.show(connection.client, now, { paused: runs.paused, etaMs: runs.etaMs });
  gallery.tick(now);
  voice.tick(now);
  if (busy) course.tick(connection.client);
  else if (course.history.running) course.end(connection.client);
  form.show({ busy, paused: runs.paused });
  for (const id of ["simulator", "truth"]) byId(id, HTMLElement).hidden = !form.isSimulated;
  course.history.cap = form.isSimulated ? cap : null;
  forget.disabled = busy || !connection.client;
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
forget.addEventListener("click", () => {
  connection.forget();
  gate.forget();
  show();
});
bindView();
bindTheme(() => course.recolour());
bindKeys({ start: () => form.start(), pause, cancel });
bindSettings(simulator, ({ concurrency }) => (cap = typeof concurrency === "number" ? concurrency : null));
void watch.start(() => tally.open > 0);
setInterval(show, TICK);
show();
