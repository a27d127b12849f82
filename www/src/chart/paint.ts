/** What is drawn, by the name that its key in a legend carries; the key's colour is the mark's colour, in light and dark. */
export type Colours = Record<string, string>;

/** Reads the colours off the keys of a legend. */
export function coloursOf(legend: Element): Colours {
  const keys = legend.querySelectorAll<SVGElement>("[data-key]");
  return Object.fromEntries([...keys].map((key) => [key.dataset["key"] ?? "", getComputedStyle(key).color]));
}

/** A refusal: a triangle that points down at its moment. */
export function triangle(context: CanvasRenderingContext2D, x: number, y: number, size: number): void {
  context.beginPath();
  context.moveTo(x - size, y - size * 0.9);
  context.lineTo(x + size, y - size * 0.9);
  context.lineTo(x, y + size * 0.9);
  context.closePath();
  context.fill();
}

/** A fault: a cross. */
export function cross(context: CanvasRenderingContext2D, x: number, y: number, size: number, width: number): void {
  context.beginPath();
  context.moveTo(x - size, y - size);
  context.lineTo(x + size, y + size);
  context.moveTo(x + size, y - size);
  context.lineTo(x - size, y + size);
  context.lineWidth = width;
  // The chart's last series may have left its dashes.
  context.setLineDash([]);
  context.stroke();
}

/** An end: a disc where it went well, a ring where it was called off. */
export function disc(context: CanvasRenderingContext2D, x: number, y: number, radius: number): void {
  context.beginPath();
  context.arc(x, y, radius, 0, Math.PI * 2);
  context.fill();
}
export function ring(context: CanvasRenderingContext2D, x: number, y: number, radius: number, width: number): void {
  context.beginPath();
  context.arc(x, y, radius, 0, Math.PI * 2);
  context.lineWidth = width;
  context.stroke();
}

/** The font of the axes. */
export const axisFont = '11px system-ui, "Noto Sans", "Liberation Sans", sans-serif';

/** Seconds as a tick: "20 s", "1:30". */
export function moment(seconds: number): string {
  if (seconds < 60) return `${Number(seconds.toFixed(1))} s`;
  return `${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, "0")}`;
}
