import uPlot from "uplot";
import { build, frame, type View } from "./frame.js";
import type { History } from "./history.js";
import { faded, stepped, ticks } from "./lines.js";
import { cross, triangle, type Colours } from "./paint.js";

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
      { height: 190, time: false, bottom: 12 },
      // The marks stand in the room above the limit.
      {
        scale: { range: () => [0, this.#most() * 1.45] },
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
            paths: stepped,
            points: { show: false },
          },
          { stroke: tinted("cap"), width: 2, dash: [2, 3], paths: stepped, points: { show: false } },
          { stroke: tinted("limit"), width: 2, dash: [5, 3], paths: stepped, points: { show: false } },
        ],
        hooks: {
          drawClear: [
            (chart) => this.#drawWindow(chart, colours()),
            (chart) => this.#drawClosed(chart, colours()),
            (chart) => this.#drawPhases(chart, colours()),
          ],
          draw: [(chart) => this.#drawMarks(chart, colours())],
          setCursor: [follow],
        },
      },
      [[0], [null], [null], [null]],
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
            paths: stepped,
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
    this.#slots.setData([
      at,
      filled ? held(samples.held) : [null],
      filled ? held(samples.cap) : [null],
      filled ? held(samples.limit) : [null],
    ]);
    this.#waiting.setData([at, filled ? held(samples.waiting) : [null]]);
    this.#slotsElement.dataset["points"] = this.#waitingElement.dataset["points"] = String(samples.at.length);
  }

  /** Puts the cursor on a moment, or takes it away. */
  point(moment: number | undefined): void {
    const left = moment === undefined ? -10 : this.#slots.valToPos(moment, "x");
    this.#slots.setCursor({ left, top: moment === undefined ? -10 : 4 });
  }

  #most(): number {
    return Math.max(4, ...this.#history.samples.limit, ...this.#history.samples.held, ...this.#caps());
  }

  /** The true limits, where they are near enough to be seen. */
  #caps(): number[] {
    const { limit, cap } = this.#history.samples;
    const most = 3 * Math.max(8, ...limit);
    return cap.filter((one) => one !== null && one <= most) as number[];
  }

  /** Calls back with each stretch of samples alike, in canvas pixels. */
  #stretches<T>(chart: uPlot, column: readonly T[], draw: (value: T, left: number, width: number) => void): void {
    const { at } = this.#history.samples;
    const end = Math.max(this.#history.now, at.at(-1) ?? 0);
    for (let from = 0, to = 1; from < column.length; from = to++) {
      while (to < column.length && column[to] === column[from]) to += 1;
      const [left, right] = [at[from] ?? 0, at[to] ?? end].map((moment) => chart.valToPos(moment, "x", true));
      if (left !== undefined && right !== undefined && right > left) draw(column[from]!, left, right - left);
    }
  }

  /** The phase, as a band under the slots. */
  #drawPhases(chart: uPlot, colours: Colours): void {
    const { ctx, bbox } = chart;
    const drawn = new Set<string>();
    ctx.save();
    this.#stretches(chart, this.#history.samples.phase, (phase, left, width) => {
      drawn.add(phase);
      ctx.fillStyle = colours[phase] ?? "";
      ctx.fillRect(left, bbox.top + bbox.height + 4 * uPlot.pxRatio, width, 5 * uPlot.pxRatio);
    });
    ctx.restore();
    this.#slotsElement.dataset["phases"] = [...drawn].join(" ");
  }

  /** A limit over time, as a shade from when it is believed: faint while it is only suspected. */
  #drawWindow(chart: uPlot, colours: Colours): void {
    const { ctx, bbox } = chart;
    const drawn = new Set<string>();
    const known = this.#history.samples.window.map((window) => window?.known);
    ctx.save();
    ctx.fillStyle = colours["window"] ?? "";
    this.#stretches(chart, known, (source, left, width) => {
      if (!source) return;
      drawn.add(source);
      ctx.globalAlpha = source === "suspected" ? 0.1 : 0.2;
      ctx.fillRect(left, bbox.top, width, bbox.height);
    });
    ctx.restore();
    this.#slotsElement.dataset["windows"] = [...drawn].join(" ");
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
    /** Refusals that stand on each other are one mark to the eye: their number is told below them. */
    let heap = { from: -Infinity, to: -Infinity, size: 0 };
    const tellHeap = (): void => {
      if (heap.size > 1) ctx.fillText(String(heap.size), (heap.from + heap.to) / 2, bbox.top + 29 * ratio);
    };
    ctx.save();
    ctx.font = `600 ${11 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "center";
    ctx.textBaseline = "alphabetic";
    for (const { kind, at } of this.#history.marks) {
      const x = chart.valToPos(at, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      drawn[kind] += 1;
      if (kind === "refusal") {
        ctx.fillStyle = colours["refusal"] ?? "";
        triangle(ctx, x, bbox.top + 11 * ratio, 5 * ratio);
        if (x - heap.to >= 10 * ratio) {
          tellHeap();
          heap = { from: x, to: x, size: 0 };
        }
        heap = { ...heap, to: x, size: heap.size + 1 };
      } else {
        ctx.strokeStyle = colours["fault"] ?? "";
        cross(ctx, x, bbox.top + 24 * ratio, 4 * ratio, 2 * ratio);
      }
    }
    ctx.fillStyle = colours["refusal"] ?? "";
    tellHeap();
    ctx.restore();
    this.#slotsElement.dataset["refusals"] = String(drawn.refusal);
    this.#slotsElement.dataset["faults"] = String(drawn.fault);
  }
}
