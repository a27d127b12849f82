// What is printed.

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

const columns = [
  "tidegate",
  "tidegate, told",
  "p-limit + p-retry",
  "p-queue + p-retry",
  "Bottleneck",
  "openai + p-limit",
];

/** Of the seeds of one situation, for one peer. */
const figures = ({ cell, k }, name, results) => {
  const runs = results.filter((run) => run.cell === cell && run.name === name && (run.k === k || name === "tidegate"));
  const of = (field) => mean(runs.map((run) => run[field]));
  return {
    wanted: of("wanted"),
    lost: of("lost"),
    extra: of("extra"),
    ratio: of("ratio"),
    refusals: of("refusals"),
    polls: of("polls"),
  };
};

/** The package in Node beside the same engine natively; `off` says by how much a run differs. */
export const agreement = (runs, off, tolerance) => {
  const near = (one, other) => Math.abs(one - other) < 1e-6;
  const same = runs.filter(
    (run) => off(run) === 0 && near(run.polls, run.native.polls) && near(run.refusals, run.native.refusals),
  );
  const worst = Math.max(...runs.map(off)) * 100;
  const lines = runs
    .filter((run) => !(off(run) <= tolerance))
    .map(
      ({ cell, seed, makespan, native }) =>
        `  ${cell.name}, seed ${seed}: ${makespan} ms, natively ${native.makespan} ms`,
    );
  return [
    `the package in Node and the native bench: ${same.length} of ${runs.length} runs are alike to the millisecond, the poll and the refusal; the worst makespan is ${worst.toFixed(2)} % off`,
    ...lines,
  ].join("\n");
};

/** Each situation and peer, with everything. */
export const detailed = (rows, results) => {
  const head = ["", "lost", "paid, not had", "makespan ÷ optimum", "429s per 100", "polls per task"];
  const lines = rows.flatMap((row) => [
    [row.title, `of ${figures(row, "tidegate", results).wanted}`, "", "", "", ""],
    ...columns.map((name) => {
      const { lost, extra, ratio, refusals, polls } = figures(row, name, results);
      return [
        `  ${name}`,
        lost.toFixed(1),
        extra.toFixed(1),
        lost > 0 ? "-" : ratio.toFixed(3),
        refusals.toFixed(1),
        polls.toFixed(1),
      ];
    }),
  ]);
  const widths = head.map((_, place) => Math.max(...[head, ...lines].map((line) => line[place].length)));
  const show = (line) =>
    line.map((text, place) => (place ? text.padStart(widths[place]) : text.padEnd(widths[0]))).join("  ");
  return [head, ...lines].map(show).join("\n");
};

/** The README's: makespan ÷ optimum, or how many were lost; then refusals per 100, and how many were paid for and not had. */
export const compact = (rows, results) => {
  const show = (row, name) => {
    const { lost, extra, ratio, refusals } = figures(row, name, results);
    const end = lost > 0 ? `**${Math.ceil(lost)} lost**` : ratio.toFixed(2);
    return `${end} · ${refusals.toFixed(0)}${extra > 0 ? ` · **${Math.ceil(extra)} too many**` : ""}`;
  };
  const line = (texts) => `| ${texts.join(" | ")} |\n`;
  const heads = [
    "provider; configured at the others (images)",
    "tidegate, told nothing",
    "tidegate, told that",
    ...columns.slice(2),
  ];
  const title = (row) => `${row.title} (${figures(row, "tidegate", results).wanted})`;
  return [
    line(heads),
    `|---|${columns.map(() => "--:|").join("")}\n`,
    ...rows.map((row) => line([title(row), ...columns.map((name) => show(row, name))])),
  ].join("");
};
