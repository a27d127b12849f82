import type { Client } from "tidegate";
import { byId, setText } from "../dom.js";
import { count, duration } from "../format.js";
import type { View } from "./frame.js";
import { History } from "./history.js";
import { fillLegend, laneKeys, taskKeys } from "./legend.js";
import { Shares } from "./shares.js";
import { coloursOf, type Colours } from "./paint.js";
import { Strip } from "./strip.js";
import { Tasks } from "./tasks.js";

/** What is shown at least, in seconds. */
const SHORTEST = 20;

const phases = { ramp: "growing", steady: "steady", trial: "trying one more" } as const;

/** The panel over time: the lane's strip, a row for each task, and their values in words. */
export class Course {
  readonly history = new History();
  readonly #view: View = { max: SHORTEST };
  readonly #panel = byId("course", HTMLElement);
  readonly #lanePlot = byId("lane-plot", HTMLElement);
  readonly #tasksPlot = byId("tasks-plot", HTMLElement);
  readonly #values = fillLegend(byId("lane-legend", HTMLUListElement), laneKeys);
  readonly #strip: Strip;
  readonly #tasks: Tasks;
  readonly #shares: Shares;
  #colours: Colours;
  #moment: number | undefined;
  #row: number | undefined;

  constructor() {
    fillLegend(byId("tasks-legend", HTMLUListElement), taskKeys);
    this.#colours = coloursOf(this.#panel);
    const colours = (): Colours => this.#colours;
    const elements = { slots: byId("slots", HTMLElement), waiting: byId("waiting-strip", HTMLElement) };
    this.#strip = new Strip(elements, this.history, this.#view, colours, (moment) => this.#point(moment));
    this.#tasks = new Tasks(byId("tasks", HTMLElement), this.history, this.#view, colours, (row) => {
      if (row !== this.#row) this.#choose(row, false);
    });
    this.#shares = new Shares(this.history.crowd, this.#view, colours);
    this.#bindKeys();
    this.draw();
  }

  /** Takes down the present and draws it. */
  tick(client: Client | undefined): void {
    if (!this.history.running) return;
    this.history.look(client);
    this.draw();
  }

  /** Nothing is under way any more: what was stays, and fills the width. */
  end(client: Client | undefined): void {
    this.history.look(client);
    this.history.end();
    this.draw();
  }

  clear(): void {
    this.history.clear();
    this.#choose(undefined, false);
    this.draw();
  }

  /** Reads the colours anew: it is dark or light now. */
  recolour(): void {
    this.#colours = coloursOf(this.#panel);
    this.draw();
  }

  draw(): void {
    const { history } = this;
    // Grows in steps, so that what is drawn stands still between them.
    if (!history.running) this.#view.max = history.now > 0 ? history.now * 1.02 : SHORTEST;
    else {
      if (history.now < this.#view.max / 2) this.#view.max = SHORTEST;
      while (history.now > this.#view.max) this.#view.max *= 1.3;
    }
    this.#strip.draw();
    this.#tasks.draw();
    this.#shares.draw();
    this.#tell();
  }

  #point(moment: number | undefined): void {
    this.#moment = moment;
    this.#tell();
  }

  #choose(row: number | undefined, scroll: boolean): void {
    this.#row = row;
    this.#tasks.focus(row, scroll);
    this.#tell();
  }

  #tell(): void {
    const { samples, marks, now, rows } = this.history;
    const moment = Math.min(this.#moment ?? now, now);
    const index = Math.max(0, this.history.sampleAt(moment));
    const soFar = (kind: string): number => marks.filter((mark) => mark.kind === kind && mark.at <= moment).length;
    const [limit, held, waiting] = [samples.limit[index], samples.held[index], samples.waiting[index]];
    const cap = samples.cap[index] ?? undefined;
    const values = { limit, held, cap, waiting, refusal: soFar("refusal"), fault: soFar("fault") };
    for (const [key, value] of Object.entries(values)) {
      const figure = this.#values.get(key);
      if (figure) setText(figure, value === undefined ? "–" : String(value));
    }
    const when =
      this.#moment === undefined ? (this.history.running ? "now" : "at the end") : `at ${duration(moment * 1000)}`;
    setText(byId("moment", HTMLElement), samples.at.length > 0 ? when : "");
    const plot = this.#lanePlot;
    plot.ariaValueMax = now.toFixed(1);
    plot.ariaValueNow = moment.toFixed(1);
    plot.ariaValueText =
      limit === undefined
        ? "nothing yet"
        : `${when}: limit ${limit}${cap === undefined ? "" : ` of a true ${cap}`}, ${phases[samples.phase[index] ?? "steady"]}, held ${held ?? 0}, waiting ${waiting ?? 0}, ${count(values.refusal, "refusal")} and ${count(values.fault, "fault")} so far`;

    const row = this.#row === undefined ? undefined : rows[this.#row];
    const told = row?.tell(now) ?? (rows.length > 0 ? `${count(rows.length, "task")}, a row each` : "No task yet");
    setText(byId("row-told", HTMLElement), told);
    this.#tasksPlot.ariaValueMax = String(rows.length);
    this.#tasksPlot.ariaValueNow = String((this.#row ?? -1) + 1);
    this.#tasksPlot.ariaValueText = told;
  }

  #bindKeys(): void {
    this.#lanePlot.addEventListener("keydown", (event) => {
      const { now } = this.history;
      const step = Math.max(0.1, this.#view.max / (event.shiftKey ? 10 : 100));
      const from = this.#moment ?? now;
      const to: Record<string, number | undefined> = {
        ArrowLeft: Math.max(0, from - step),
        ArrowDown: Math.max(0, from - step),
        ArrowRight: Math.min(now, from + step),
        ArrowUp: Math.min(now, from + step),
        Home: 0,
        End: now,
        Escape: undefined,
      };
      if (!(event.key in to)) return;
      event.preventDefault();
      this.#strip.point(to[event.key]);
      this.#point(to[event.key]);
    });
    this.#tasksPlot.addEventListener("keydown", (event) => {
      const last = this.history.rows.length - 1;
      if (last < 0) return;
      const from = this.#row ?? -1;
      const to: Record<string, number | undefined> = {
        ArrowUp: Math.max(0, from - 1),
        ArrowLeft: Math.max(0, from - 1),
        ArrowDown: Math.min(last, from + 1),
        ArrowRight: Math.min(last, from + 1),
        PageUp: Math.max(0, from - 10),
        PageDown: Math.min(last, from + 10),
        Home: 0,
        End: last,
        Escape: undefined,
      };
      if (!(event.key in to)) return;
      event.preventDefault();
      this.#choose(to[event.key], true);
    });
    this.#lanePlot.addEventListener("blur", () => {
      this.#strip.point(undefined);
      this.#point(undefined);
    });
    this.#tasksPlot.addEventListener("blur", () => this.#choose(undefined, false));
  }
}
