import uPlot from "uplot";
import type { Colours } from "./paint.js";

const paths = uPlot.paths.stepped?.({ align: 1 });
if (!paths) throw new Error("uPlot came without its stepped paths");
/** Lines that hold a value until the next. */
export const stepped: uPlot.Series.PathBuilder = paths;

/** Some whole ticks from 0 up to the most that there is; the room above is for marks. */
export function ticks(most: number, wanted: number): number[] {
  const step = [1, 2, 5, 10, 20, 50, 100, 200].find((step) => most / step <= wanted) ?? 500;
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, index) => index * step);
}

/** A see-through fill of a key's colour. */
export const faded =
  (colours: () => Colours, name: string, share: number): uPlot.Series.Fill =>
  () =>
    (colours()[name] ?? "").replace(/^rgb\((.*)\)$/, `rgba($1, ${share})`);
