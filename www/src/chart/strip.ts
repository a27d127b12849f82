import uPlot from "uplot";
import { build, frame, type View } from "./frame.js";
import type { History } from "./history.js";
import { cross, triangle, type Colours } from "./paint.js";

const stepped = uPlot.paths.stepped?.({ align: 1 });
if (!stepped) throw new Error("uPlot came without its stepped paths");

/** The lane over time: the limit and what is held, with refusals and faults above; below it what waits. */
export class Strip {
  readonly #slots: uPlot;
  readonly #waiting: uPlot;
  readonly #history: History;
  readonly #slotsElement: HTMLElement;
  readonly #waitingElement: HTMLElement;

  /** `hover` is told the moment under the pointer, or undefined when it leaves. */
  constructor(
    elements: { slots: HTMLElement; waiting: HTMLElement },
    history: History,
    view: View,
    colours: () => Colours,
    hover: (moment: number | undefined) => void,
  ) {
    this.#history = history;
    this.#slotsElement = elements.slots;
    this.#waitingElement = elements.waiting;
    const tinted =
      (name: string): uPlot.Series.Stroke =>
      () =>
        colours()[name] ?? "";
    const follow = (chart: uPlot): void => {
      const { left } = chart.cursor;
      hover(left === undefined || left < 0 ? undefined : chart.posToVal(left, "x"));
    };
    const slots = frame(
      view,
      colours,
      { height: 156, time: false },
      // The marks stand in the room above the limit.
      {
        scale: { range: (_, __, max) => [0, Math.max(max ?? 0, 4) * 1.55] },
        axis: { splits: () => ticks(this.#most(), 6) },
      },
    );
    this.#slots = build(
      elements.slots,
      {
        ...slots,
        series: [
          {},
          {
            stroke: tinted("held"),
            fill: faded(colours, "held", 0.3),
            width: 1.5,
            paths: stepped!,
            points: { show: false },
          },
          { stroke: tinted("limit"), width: 2, dash: [5, 3], paths: stepped!, points: { show: false } },
        ],
        hooks: {
          drawClear: [(chart) => this.#drawClosed(chart, colours())],
          draw: [(chart) => this.#drawMarks(chart, colours())],
          setCursor: [follow],
        },
      },
      [[0], [null], [null]],
    );
    const waiting = frame(
      view,
      colours,
      { height: 92, time: true },
      {
        scale: { range: (_, __, max) => [0, Math.max(max ?? 0, 4) * 1.08] },
        axis: { splits: () => ticks(Math.max(4, ...history.samples.waiting), 3) },
      },
    );
    this.#waiting = build(
      elements.waiting,
      {
        ...waiting,
        series: [
          {},
          {
            stroke: tinted("waiting"),
            fill: faded(colours, "waiting", 0.22),
            width: 1.5,
            paths: stepped!,
            points: { show: false },
          },
        ],
        hooks: { setCursor: [follow] },
      },
      [[0], [null]],
    );
  }

  /** Draws the present. */
  draw(): void {
    const { samples, now } = this.#history;
    // The last sample holds until now.
    const held = <T>(column: T[]): T[] => (column.length > 0 ? [...column, column[column.length - 1]!] : column);
    const at = samples.at.length > 0 ? [...samples.at, Math.max(now, samples.at.at(-1) ?? 0)] : [0];
    const filled = at.length > 1;
    this.#slots.setData([at, filled ? held(samples.held) : [null], filled ? held(samples.limit) : [null]]);
    this.#waiting.setData([at, filled ? held(samples.waiting) : [null]]);
    this.#slotsElement.dataset["points"] = this.#waitingElement.dataset["points"] = String(samples.at.length);
  }

  /** Puts the cursor on a moment, or takes it away. */
  point(moment: number | undefined): void {
    const left = moment === undefined ? -10 : this.#slots.valToPos(moment, "x");
    this.#slots.setCursor({ left, top: moment === undefined ? -10 : 4 });
  }

  #most(): number {
    return Math.max(4, ...this.#history.samples.limit, ...this.#history.samples.held);
  }

  #drawClosed(chart: uPlot, colours: Colours): void {
    const { ctx, bbox } = chart;
    ctx.save();
    ctx.fillStyle = colours["closed"] ?? "";
    for (const { from, to } of this.#history.closed) {
      const left = chart.valToPos(from, "x", true);
      const right = Math.min(chart.valToPos(to, "x", true), bbox.left + bbox.width);
      if (right <= left) continue;
      ctx.globalAlpha = 0.1;
      ctx.fillRect(left, bbox.top, right - left, bbox.height);
      ctx.globalAlpha = 0.8;
      ctx.fillRect(left, bbox.top, right - left, 3 * uPlot.pxRatio);
    }
    ctx.restore();
  }

  #drawMarks(chart: uPlot, colours: Colours): void {
    const { ctx, bbox } = chart;
    const ratio = uPlot.pxRatio;
    const drawn = { refusal: 0, fault: 0 };
    ctx.save();
    for (const { kind, at } of this.#history.marks) {
      const x = chart.valToPos(at, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      drawn[kind] += 1;
      if (kind === "refusal") {
        ctx.fillStyle = colours["refusal"] ?? "";
        triangle(ctx, x, bbox.top + 11 * ratio, 5 * ratio);
      } else {
        ctx.strokeStyle = colours["fault"] ?? "";
        cross(ctx, x, bbox.top + 24 * ratio, 4 * ratio, 2 * ratio);
      }
    }
    ctx.restore();
    this.#slotsElement.dataset["refusals"] = String(drawn.refusal);
    this.#slotsElement.dataset["faults"] = String(drawn.fault);
  }
}

/** Some whole ticks from 0 up to the most that there is; the room above is for marks. */
function ticks(most: number, wanted: number): number[] {
  const step = [1, 2, 5, 10, 20, 50, 100, 200].find((step) => most / step <= wanted) ?? 500;
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, index) => index * step);
}

/** A see-through fill of a key's colour. */
const faded =
  (colours: () => Colours, name: string, share: number): uPlot.Series.Fill =>
  () =>
    (colours()[name] ?? "").replace(/^rgb\((.*)\)$/, `rgba($1, ${share})`);
