import uPlot from "uplot";
import { axisFont, moment, type Colours } from "./paint.js";

/** The stretch of time that all charts show, in seconds. */
export interface View {
  max: number;
}

/** Room for the figures left of every chart, so that their times stand above each other. */
const LEFT = 40;
const RIGHT = 12;
const STEPS = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600];

/** What the charts have in common: the time from 0, one cursor for all, colours that follow the theme. */
export function frame(
  view: View,
  colours: () => Colours,
  own: { height: number; time: boolean; bottom?: number },
  y: { scale: uPlot.Scale; axis: uPlot.Axis },
): Omit<uPlot.Options, "width" | "series"> {
  const ink = (): string => colours()["axis"] ?? "";
  const grid: uPlot.Axis.Grid = { stroke: () => colours()["grid"] ?? "", width: 1 };
  return {
    height: own.height,
    padding: [6, RIGHT, own.bottom ?? (own.time ? 0 : 6), 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: false, y: false, setScale: false },
      sync: { key: "course", scales: ["x", null], setSeries: false },
    },
    scales: { x: { time: false, range: () => [0, view.max] }, y: y.scale },
    axes: [
      {
        show: own.time,
        size: 26,
        gap: 4,
        font: axisFont,
        stroke: ink,
        grid,
        ticks: { show: false },
        incrs: STEPS,
        space: 64,
        values: (_, splits) => splits.map(moment),
      },
      { size: LEFT, gap: 6, font: axisFont, stroke: ink, grid, ticks: { show: false }, ...y.axis },
    ],
  };
}

/** A chart as wide as its container; calls back when the width changes. */
export function build(container: HTMLElement, options: Omit<uPlot.Options, "width">, data: uPlot.AlignedData): uPlot {
  const chart = new uPlot({ ...options, width: container.clientWidth }, data, container);
  // The words beside it say it all.
  chart.root.ariaHidden = "true";
  new ResizeObserver(() => {
    if (container.clientWidth !== chart.width) chart.setSize({ width: container.clientWidth, height: chart.height });
  }).observe(container);
  return chart;
}
