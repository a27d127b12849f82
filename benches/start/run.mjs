// How fast the package starts and what it keeps: medians over fresh processes or pages, as a table in Markdown. Run by `cargo xtask bench start`.
import { availableParallelism, loadavg } from "node:os";
import * as chromium from "./chromium.mjs";
import * as node from "./node.mjs";
import * as workerd from "./workerd.mjs";

const SAMPLES = 7;

/** What a row shows: of which sample, which figure of it, in which unit. */
const ROWS = [
  ["import to first request, ms", "firstRequest", (time) => time, 1],
  ["  of it: text to bytes, ms", "steps", ({ decode }) => decode, 1],
  ["  of it: compile, ms", "steps", ({ compile }) => compile, 1],
  ["  of it: instantiate, ms", "steps", ({ instantiate }) => instantiate, 1],
  ["an instance: linear memory, KiB", "instance", ({ linear }) => linear, 1024],
  ["  JavaScript heap, KiB", "instance", ({ heap }) => heap, 1024],
  ["  resident memory of the process, KiB", "instance", ({ resident }) => resident, 1024],
  ["an idle client after one image: linear memory, KiB", "client", ({ linear }) => linear, 1024],
  ["  JavaScript heap, KiB", "client", ({ heap }) => heap, 1024],
  ["  resident memory of the process, KiB", "client", ({ resident }) => resident, 1024],
];

/** The middle one and the range, where the host has the figure. */
function summary(figures) {
  const sorted = figures.filter((figure) => !Number.isNaN(figure)).sort((one, other) => one - other);
  if (sorted.length === 0) return "–";
  const text = (figure) => (Math.abs(figure) < 100 ? figure.toFixed(1) : Math.round(figure).toString());
  return `${text(sorted[sorted.length >> 1])} (${text(sorted[0])} to ${text(sorted.at(-1))})`;
}

const columns = [];
for (const host of [node, chromium, workerd]) {
  const { sample, close } = await host.open();
  const samples = {};
  try {
    for (const what of new Set(ROWS.map(([, what]) => what))) {
      samples[what] = [];
      for (let index = 0; index < SAMPLES; index++) samples[what].push(await sample(what));
    }
  } finally {
    await close();
  }
  // What a host does not have is undefined, or not a number once it is divided.
  const figures = ([, what, figure, unit]) =>
    samples[what].map((one) => (one === undefined ? NaN : figure(one) / unit));
  columns.push({ name: host.name, cells: ROWS.map((row) => summary(figures(row))) });
  console.error(`${host.name}: measured`);
}
console.log(`| median (least to most) of ${SAMPLES} | ${columns.map(({ name }) => name).join(" | ")} |`);
console.log(`|---|${columns.map(() => "--:|").join("")}`);
ROWS.forEach(([title], row) => console.log(`| ${title} | ${columns.map(({ cells }) => cells[row]).join(" | ")} |`));
console.log(`\nLoad of this machine meanwhile: ${loadavg()[0].toFixed(1)} on ${availableParallelism()} processors.`);
