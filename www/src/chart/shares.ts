import uPlot from "uplot";
import { byId, make, setText } from "../dom.js";
import { tenants } from "../tenants.js";
import type { Crowd } from "./crowd.js";
import { build, frame, type View } from "./frame.js";
import { faded, stepped, ticks } from "./lines.js";
import type { Colours } from "./paint.js";

/** The tenants: who holds which share of the slots against the fair one, who waits, and both as a table. */
export class Shares {
  readonly #crowd: Crowd;
  readonly #block = byId("tenants", HTMLElement);
  readonly #shares: uPlot;
  readonly #queues: uPlot;
  readonly #cells: HTMLElement[][];

  constructor(crowd: Crowd, view: View, colours: () => Colours) {
    this.#crowd = crowd;
    const ink = (key: string) => () => colours()[key] ?? "";
    this.#cells = tenants.map(({ name, weight }, index) => {
      const row = make("tr");
      const head = make("th", "", name);
      head.scope = "row";
      const swatch = make("i");
      swatch.dataset["key"] = key(index);
      head.prepend(swatch);
      const cells = [make("td", "", String(weight)), ...Array.from({ length: 4 }, () => make("td", "", "–"))];
      row.append(head, ...cells);
      byId("tenants-rows", HTMLTableSectionElement).append(row);
      return cells.slice(1);
    });
    const percent = {
      scale: { range: (): [number, number] => [0, 1] },
      axis: { splits: () => [0, 0.25, 0.5, 0.75, 1], values: () => ["0", "25", "50", "75", "100"] },
    };
    // The widest area first, so that each that follows covers its own part of it.
    const areas = tenants.map((_, index) => tenants.length - 1 - index);
    this.#shares = build(
      byId("shares", HTMLElement),
      {
        ...frame(view, colours, { height: 124, time: false }, percent),
        series: [
          {},
          ...areas.map((index) => ({
            fill: ink(key(index)),
            width: 0,
            paths: stepped,
            points: { show: false },
          })),
          ...tenants.slice(1).map(() => ({
            stroke: ink("fair"),
            width: 2,
            dash: [4, 4],
            paths: stepped,
            points: { show: false },
          })),
        ],
      },
      [[0], ...areas.map(() => [null]), ...tenants.slice(1).map(() => [null])],
    );
    this.#queues = build(
      byId("queues", HTMLElement),
      {
        ...frame(
          view,
          colours,
          { height: 92, time: true },
          {
            scale: { range: (_, __, max) => [0, Math.max(max ?? 0, 4) * 1.08] },
            axis: { splits: () => ticks(Math.max(4, ...crowd.waiting.flat()), 3) },
          },
        ),
        series: [
          {},
          ...tenants.map((_, index) => ({
            stroke: ink(key(index)),
            fill: faded(colours, key(index), 0.14),
            width: 2,
            paths: stepped,
            points: { show: false },
          })),
        ],
      },
      [[0], ...tenants.map(() => [null])],
    );
  }

  /** Draws the present. */
  draw(): void {
    const crowd = this.#crowd;
    const hidden = !crowd.present;
    if (this.#block.hidden !== hidden) this.#block.hidden = hidden;
    if (hidden) return;
    const { at } = crowd;
    const sums = at.map((_, index) => crowd.running.reduce((sum, column) => sum + (column[index] ?? 0), 0));
    const upTo = (last: number): (number | null)[] =>
      at.map((_, index) => {
        const sum = sums[index] ?? 0;
        if (sum === 0) return null;
        return crowd.running.slice(0, last + 1).reduce((own, column) => own + (column[index] ?? 0), 0) / sum;
      });
    const fair = at.map((_, index) => crowd.fair(index));
    const fairUpTo = (last: number): (number | null)[] =>
      fair.map((shares) => {
        const line = shares.slice(0, last + 1).reduce((own, share) => own + share, 0);
        // On the edge it parts nobody from anybody.
        return line > 0 && line < 1 ? line : null;
      });
    const areas = tenants.map((_, index) => upTo(tenants.length - 1 - index));
    const lines = tenants.slice(1).map((_, index) => fairUpTo(index));
    this.#shares.setData([at, ...areas, ...lines]);
    this.#queues.setData([at, ...crowd.waiting]);
    const weights = tenants.reduce((sum, { weight }) => sum + weight, 0);
    crowd.standings.forEach(({ waiting, running, done }, index) => {
      const share = crowd.share(index);
      const due = Math.round((100 * (tenants[index]?.weight ?? 0)) / weights);
      const got = share === undefined ? "–" : `${Math.round(share * 100)} % (fair: ${due} %)`;
      [waiting, running, done, got].forEach((value, column) => {
        const cell = this.#cells[index]?.[column];
        if (cell) setText(cell, String(value));
      });
    });
    this.#block.dataset["contended"] = crowd.standings.map(({ contended }) => contended).join(" ");
  }
}

const key = (tenant: number): string => `tenant-${tenant + 1}`;
