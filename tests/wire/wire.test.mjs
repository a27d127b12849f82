// The rows, through the built package: what an application sees of them.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { failing } from "./demands.mjs";
import { play } from "./play.mjs";
import { failsToday, hasPictureInText, pictures, rows } from "./rows.mjs";

let [right, total] = [0, 0];

for (const row of rows) {
  test(`${row.id}: ${row.why}`, async () => {
    const failed = new Set();
    for (const dialect of [row.dialect, ...(row.also ?? [])])
      for (const picture of hasPictureInText(row) ? pictures : pictures.slice(0, 1))
        for (const demand of failing(row, await play(row, dialect, picture), picture)) failed.add(demand);
    total += Object.keys(row.expect).length;
    right += Object.keys(row.expect).length - failed.size;
    // Just those: a mended row must lose its mark.
    assert.deepEqual([...failed].sort(), failsToday(row));
  });
}

after(() => {
  const classes = new Set(rows.map((row) => row.class)).size;
  console.log(`${rows.length} rows in ${classes} classes: ${right} of ${total} demands are right`);
});
