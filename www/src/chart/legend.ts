import { make } from "../dom.js";

interface Key {
  key: string;
  name: string;
  /** A path in a box of 18 by 12. */
  path: string;
  /** Whether the path is a line instead of a shape. */
  line?: true;
  /** Whether a value stands after the name. */
  value?: true;
}

const triangle = "M4 1.5h10L9 10.5Z";
const cross = "M5.5 2.5l7 7m0-7l-7 7";

/** What the lane's strip shows. */
export const laneKeys: readonly Key[] = [
  { key: "limit", name: "Limit", path: "M0 6h5m3 0h5m3 0h2", line: true, value: true },
  { key: "held", name: "Held", path: "M1 2h16v9H1Z", value: true },
  { key: "cap", name: "True limit", path: "M0 6h2m2 0h2m2 0h2m2 0h2m2 0h2", line: true, value: true },
  { key: "waiting", name: "Waiting", path: "M1 2h16v9H1Z", value: true },
  { key: "refusal", name: "Refusals", path: triangle, value: true },
  { key: "fault", name: "Faults", path: cross, line: true, value: true },
  { key: "closed", name: "Closed", path: "M0 0h18v12H0Z" },
  { key: "window", name: "Limit over time", path: "M0 0h18v12H0Z" },
  { key: "ramp", name: "Growing", path: "M0 4h18v5H0Z" },
  { key: "steady", name: "Steady", path: "M0 4h18v5H0Z" },
  { key: "trial", name: "Trying one more", path: "M0 4h18v5H0Z" },
];

/** What the rows of the tasks show beyond that. */
export const taskKeys: readonly Key[] = [
  { key: "waiting", name: "Waiting", path: "M0 6h18", line: true },
  { key: "submitting", name: "Submitting", path: "M2 4h14v4H2Z" },
  { key: "queued", name: "Queued", path: "M1.5 3.5h15v5h-15Z", line: true },
  { key: "processing", name: "Processing", path: "M1 2h16v8H1Z" },
  { key: "succeeded", name: "Succeeded", path: "M9 2a4 4 0 1 0 .01 0Z" },
  { key: "failed", name: "Failed", path: "M5 2h8v8H5Z" },
  { key: "cancelled", name: "Cancelled", path: "M9 2a4 4 0 1 0 .01 0Z", line: true },
  { key: "refusal", name: "Refused", path: triangle },
  { key: "fault", name: "Fault", path: cross, line: true },
];

const SVG = "http://www.w3.org/2000/svg";

/** Fills a list with keys; returns where the values go. */
export function fillLegend(list: HTMLElement, keys: readonly Key[]): Map<string, HTMLElement> {
  const values = new Map<string, HTMLElement>();
  for (const { key, name, path, line, value } of keys) {
    const [item, figure] = [make("li"), make("b", "", "–")];
    const [picture, shape] = [document.createElementNS(SVG, "svg"), document.createElementNS(SVG, "path")];
    picture.dataset["key"] = key;
    picture.setAttribute("viewBox", "0 0 18 12");
    picture.setAttribute("aria-hidden", "true");
    shape.setAttribute("d", path);
    shape.setAttribute("class", line ? "line" : "shape");
    picture.append(shape);
    item.append(picture, name);
    if (value) {
      item.append(figure);
      values.set(key, figure);
    }
    list.append(item);
  }
  return values;
}
