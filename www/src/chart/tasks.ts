import uPlot from "uplot";
import { build, frame, type View } from "./frame.js";
import type { History } from "./history.js";
import { cross, disc, ring, triangle, type Colours } from "./paint.js";
import type { Phase, Row } from "./row.js";

/** Heights in CSS pixels: few rows are roomy, many are dense, and what is denser scrolls. */
const ROOMY = 16;
const DENSE = 6;
const ALL = 384;
const PADDING = 12;

/** A row for each task: bars for what it did, marks for what it met. */
export class Tasks {
  readonly #chart: uPlot;
  readonly #history: History;
  readonly #element: HTMLElement;
  #focused: number | undefined;

  /** `hover` is told the row under the pointer, or undefined when it leaves. */
  constructor(
    element: HTMLElement,
    history: History,
    view: View,
    colours: () => Colours,
    hover: (row: number | undefined) => void,
  ) {
    this.#element = element;
    this.#history = history;
    const options = frame(
      view,
      colours,
      { height: 120, time: false },
      {
        scale: { range: () => [0, Math.max(1, history.rows.length)], dir: -1 },
        axis: {
          grid: { show: false },
          splits: () => numbers(history.rows.length),
          // A row's number stands at its middle.
          values: (_, splits) => splits.map((split) => String(Math.round(split + 0.5))),
        },
      },
    );
    options.axes![0]!.show = true;
    options.axes![0]!.size = 0;
    options.axes![0]!.values = (_, splits) => splits.map(() => "");
    this.#chart = build(
      element,
      {
        ...options,
        series: [{}, { points: { show: false } }],
        hooks: { draw: [() => this.#draw(colours())] },
      },
      [[0], [null]],
    );
    this.#chart.over.addEventListener("mousemove", ({ offsetY }) => {
      const row = Math.floor(this.#chart.posToVal(offsetY, "y"));
      hover(row >= 0 && row < history.rows.length ? row : undefined);
    });
    this.#chart.over.addEventListener("mouseleave", () => hover(undefined));
  }

  /** Draws the present. */
  draw(): void {
    const height = heightOf(this.#history.rows.length);
    if (height !== this.#chart.height) this.#chart.setSize({ width: this.#element.clientWidth, height });
    this.#chart.setData([[0], [null]]);
  }

  /** Marks a row out, and brings it into view. */
  focus(row: number | undefined, scroll: boolean): void {
    this.#focused = row;
    this.#chart.redraw(false);
    const scroller = this.#element.parentElement;
    if (row === undefined || !scroll || !scroller) return;
    const top = this.#chart.valToPos(row, "y") + PADDING / 2;
    const rowHeight = this.#rowHeight() / uPlot.pxRatio;
    if (top < scroller.scrollTop) scroller.scrollTop = top - rowHeight;
    const bottom = top + 2 * rowHeight - scroller.clientHeight;
    if (bottom > scroller.scrollTop) scroller.scrollTop = bottom;
  }

  #rowHeight(): number {
    return this.#chart.bbox.height / Math.max(1, this.#history.rows.length);
  }

  #draw(colours: Colours): void {
    const { ctx, bbox } = this.#chart;
    const drawn = { rows: 0, stretches: 0, refusals: 0, faults: 0, ends: 0 };
    ctx.save();
    ctx.beginPath();
    // Half a mark may stand over the edge.
    ctx.rect(bbox.left - 8 * uPlot.pxRatio, 0, bbox.width + 16 * uPlot.pxRatio, ctx.canvas.height);
    ctx.clip();
    this.#history.rows.forEach((row, index) => {
      drawn.rows += 1;
      if (index === this.#focused) this.#drawFocus(index, colours);
      drawn.stretches += this.#drawStretches(row, index, colours);
      this.#drawMarks(row, index, colours, drawn);
    });
    ctx.restore();
    for (const [name, number] of Object.entries(drawn)) this.#element.dataset[name] = String(number);
  }

  #drawFocus(index: number, colours: Colours): void {
    const { ctx, bbox } = this.#chart;
    const height = this.#rowHeight();
    ctx.fillStyle = colours["waiting"] ?? "";
    ctx.globalAlpha = 0.16;
    ctx.fillRect(bbox.left, bbox.top + index * height, bbox.width, height);
    ctx.globalAlpha = 1;
  }

  #drawStretches(row: Row, index: number, colours: Colours): number {
    const { ctx, bbox } = this.#chart;
    const height = this.#rowHeight();
    const middle = bbox.top + (index + 0.5) * height;
    let drawn = 0;
    for (const { phase, from, to } of row.stretches) {
      const left = this.#chart.valToPos(from, "x", true);
      const right = this.#chart.valToPos(to ?? row.end?.at ?? this.#history.now, "x", true);
      const [share, least] = thickness[phase];
      // On whole pixels, so that thin bars are as clear as thick ones.
      const thick = Math.round(Math.max(least * uPlot.pxRatio, height * share));
      const top = Math.round(middle - thick / 2);
      const width = Math.max(right - left, phase === "waiting" ? 0 : uPlot.pxRatio);
      if (width <= 0) continue;
      drawn += 1;
      ctx.fillStyle = ctx.strokeStyle = colours[phase] ?? "";
      if (phase === "queued") {
        ctx.lineWidth = uPlot.pxRatio;
        ctx.strokeRect(left, top + uPlot.pxRatio / 2, width, thick - uPlot.pxRatio);
      } else {
        ctx.fillRect(left, top, width, thick);
      }
    }
    return drawn;
  }

  #drawMarks(row: Row, index: number, colours: Colours, drawn: Record<"refusals" | "faults" | "ends", number>): void {
    const { ctx, bbox } = this.#chart;
    const height = this.#rowHeight();
    const y = bbox.top + (index + 0.5) * height;
    const size = Math.min(4.5 * uPlot.pxRatio, Math.max(2 * uPlot.pxRatio, height * 0.36));
    for (const { kind, at } of row.marks) {
      const x = this.#chart.valToPos(at, "x", true);
      if (kind === "refusal") {
        ctx.fillStyle = colours["refusal"] ?? "";
        triangle(ctx, x, y, size);
        drawn.refusals += 1;
      } else {
        ctx.strokeStyle = colours["fault"] ?? "";
        cross(ctx, x, y, size * 0.8, 1.5 * uPlot.pxRatio);
        drawn.faults += 1;
      }
    }
    if (!row.end) return;
    drawn.ends += 1;
    // Beside the bar, which may have the same colour.
    const x = this.#chart.valToPos(row.end.at, "x", true) + size * 1.3;
    ctx.fillStyle = ctx.strokeStyle = colours[row.end.kind] ?? "";
    if (row.end.kind === "succeeded") disc(ctx, x, y, size * 0.85);
    else if (row.end.kind === "cancelled") ring(ctx, x, y, size * 0.8, 1.5 * uPlot.pxRatio);
    else ctx.fillRect(x - size * 0.8, y - size * 0.8, size * 1.6, size * 1.6);
  }
}

/** How thick a bar is: its share of the row, and the least in CSS pixels. */
const thickness: Readonly<Record<Phase, readonly [share: number, least: number]>> = {
  waiting: [0, 1],
  submitting: [0.36, 2],
  queued: [0.46, 3],
  processing: [0.64, 3],
};

const heightOf = (rows: number): number =>
  PADDING + Math.max(1, rows) * Math.min(ROOMY, Math.max(DENSE, ALL / Math.max(1, rows)));

/** Where row numbers stand: some ten of them, the first and round ones. */
function numbers(rows: number): number[] {
  const step = [1, 2, 5, 10, 20, 50].find((step) => rows / step <= 12) ?? 100;
  const found = Array.from({ length: Math.floor(rows / step) }, (_, index) => (index + 1) * step - 0.5);
  return step > 1 && rows > 0 ? [0.5, ...found] : found;
}
