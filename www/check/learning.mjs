// The gate finds limits that nobody tells it, and tenants share what it finds.
import { calmWeather, drawn, fill, findings, overflow, pixels, press, saved, settled, until } from "./page.mjs";

const CAP = 23;
const COUNT = 200;
/** Submits a minute: few, so that they are used up soon. */
const RPM = 20;
/** By weight: what each tenant should get while all wait. */
const FAIR = { Atlas: 0.25, Birch: 0.25, Coral: 0.5 };

/** A limit at once that is not told, three tenants, and somebody who does not want to wait behind them. */
export async function learning(page, wrong, shoot, simulated) {
  await begin(page, "2000,6000");
  await page.click(`[data-preset="cap-${CAP}"]`);
  await saved(page);
  const before = await simulated.stats();
  const charges = (await simulated.ledger()).length;
  await page.select("#sharing", "three");
  await fill(page, "count", COUNT);
  await press(page, "Generate");
  await until(
    page,
    "a third of the pictures",
    (least) => Number(document.querySelector("#arrived").textContent) > least,
    COUNT / 3,
  );
  const waiting = await number(page, "waiting");
  await press(page, "One now");
  wrong.push(...(await findings(page, "while it learns")));
  await shoot("learning");
  await settled(page, COUNT + 1);

  const belief = await text(page, "belief");
  const found = Number(/Found (\d+) at once/.exec(belief)?.[1]);
  const after = await simulated.stats();
  const refusals = after.refusals - before.refusals;
  const strip = await drawn(page, "slots");
  const phases = await page.$eval("#slots", (element) => element.dataset.phases);
  const expect = (holds, what) => holds || wrong.push(what);
  expect(Math.abs(found - CAP) <= 2, `it believes "${belief}" of a limit of ${CAP}`);
  expect(refusals > 0 && refusals <= 15, `${refusals} refusals on the way to ${CAP}`);
  expect(strip.refusals === refusals, `${strip.refusals} marks of ${refusals} refusals`);
  expect(phases.includes("ramp") && phases.includes("steady"), `only the phases "${phases}"`);
  expect(after.charges - before.charges === COUNT + 1, `${after.charges - before.charges} charges`);
  for (const key of ["cap", "limit", "held", "refusal", "ramp", "steady"]) {
    const count = await pixels(page, "slots", key);
    expect(count >= 20, `${count} pixels of "${key}" in the strip`);
  }
  for (const key of ["tenant-1", "tenant-2", "tenant-3", "fair"]) {
    const count = await pixels(page, "shares", key);
    expect(count >= 60, `${count} pixels of "${key}" in the shares`);
  }
  const shares = await ledgerShares(page, expect, (await simulated.ledger()).slice(charges), waiting);
  wrong.push(...(await findings(page, "learned")));
  await looks(page, wrong, shoot);
  await press(page, "Clear");
  await page.select("#sharing", "one");
  return `found ${found} of ${CAP} untold with ${refusals} refusals of ${COUNT}, tenants got ${shares}`;
}

/** What the page says of its tenants, against the provider's own book. */
async function ledgerShares(page, expect, ledger, waiting) {
  const whose = new Map(
    await page.$$eval(".card[data-key]", (cards) => cards.map(({ dataset }) => [dataset.key, dataset.tenant ?? ""])),
  );
  const order = ledger
    .toSorted((one, other) => one.accepted_ms - other.accepted_ms)
    .map(({ idempotency_key: key }) => whose.get(key));
  expect(!order.includes(undefined), "a charge for a task of nobody");
  const behind = order.length - 1 - order.indexOf("");
  // What was on its way already goes ahead.
  expect(behind >= waiting - CAP / 2, `${behind} tasks came after the one that went ahead of ${waiting} waiting ones`);

  const names = Object.keys(FAIR);
  // All wait until the first of them has nothing more to submit.
  const until = Math.min(...names.map((name) => order.lastIndexOf(name)));
  const got = names.map((name) => order.slice(0, until).filter((one) => one === name).length);
  const all = got.reduce((sum, one) => sum + one, 0);
  const said = await page.$eval("#tenants", (element) => element.dataset.contended.split(" ").map(Number));
  names.forEach((name, index) => {
    const share = got[index] / all;
    expect(Math.abs(share - FAIR[name]) <= 0.07, `${name} got ${got[index]} of ${all} by the ledger`);
    expect(Math.abs(said[index] - got[index]) <= 4, `${name}: the page says ${said[index]}, the ledger ${got[index]}`);
  });
  const rows = await page.$$eval("#tenants-rows tr", (found) =>
    found.map((row) => [row.cells[0].textContent, Number(row.cells[4].textContent)]),
  );
  for (const [name, done] of rows) {
    const billed = order.filter((one) => one === name).length;
    expect(done === billed, `${name}: ${done} done, ${billed} billed`);
  }
  return names.map((name, index) => `${name} ${Math.round((100 * got[index]) / all)} %`).join(", ");
}

/** Dark and narrow, with everything there is to see. */
async function looks(page, wrong, shoot) {
  await page.$eval("#course", (element) => element.scrollIntoView());
  await shoot("learned");
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]).catch(() => {});
  await until(page, "the colours to change", () =>
    document.getAnimations().every((one) => !(one instanceof CSSTransition) || one.playState === "finished"),
  );
  wrong.push(...(await findings(page, "learned, dark")));
  await shoot("learned-dark");
  await page.emulateMediaFeatures([]).catch(() => {});
  await page.setViewport({ width: 360, height: 740 });
  const wide = await overflow(page);
  if (wide > 0) wrong.push(`learned: ${wide} pixels wider than a window of 360`);
  await page.$eval("#course", (element) => element.scrollIntoView());
  await shoot("learned-narrow");
  await page.setViewport({ width: 1440, height: 1000 });
}

/** A limit a minute that is not told: suspected by its first refusals, confirmed by what comes of trying again. */
export async function windows(page, wrong, shoot, simulated) {
  await begin(page, "1000,2000");
  for (const preset of ["cap-4", "minute-plain"]) {
    await page.click(`[data-preset="${preset}"]`);
    await saved(page);
  }
  await page.$eval(
    '[aria-label="Window: submits in it"]',
    (field, value) => {
      field.value = String(value);
      field.dispatchEvent(new Event("change", { bubbles: true }));
    },
    RPM,
  );
  await saved(page);
  // What was accepted before would fill the window from the start.
  await simulated.reset();
  await press(page, "Learn anew");
  const before = await simulated.stats();
  const begun = Date.now();
  await fill(page, "count", 40);
  await press(page, "Generate");
  const seen = [];
  for (const known of ["suspected", "confirmed"]) {
    await until(
      page,
      `a ${known} window`,
      (wanted) => document.querySelector("#window-known").textContent === wanted,
      known,
    );
    seen.push(`${known} after ${Math.round((Date.now() - begun) / 1000)} s`);
    wrong.push(...(await findings(page, `a ${known} window`)));
    await shoot(`window-${known}`);
  }
  const used = await text(page, "window-text");
  const rpm = Number(/of a limit of (\d+) a minute/.exec(used)?.[1]);
  if (Math.abs(rpm - RPM) > 1) wrong.push(`the window of ${RPM} is "${used}"`);
  const belief = await text(page, "belief");
  if (!belief.includes("has confirmed a limit of")) wrong.push(`the window is told as "${belief}"`);
  const drawnWindows = await page.$eval("#slots", (element) => element.dataset.windows);
  if (drawnWindows !== "suspected confirmed") wrong.push(`the windows drawn: "${drawnWindows}"`);
  await press(page, "Cancel all");
  await settled(page, 40);
  const refusals = (await simulated.stats()).refusals - before.refusals;
  const marks = (await drawn(page, "slots")).refusals;
  if (marks !== refusals || refusals > 12) wrong.push(`${refusals} refusals by a window, ${marks} marks`);
  await page.click('[data-preset="minute-off"]');
  await saved(page);
  await press(page, "Learn anew");
  await press(page, "Clear");
  return `${rpm} a minute ${seen.join(", ")}, ${refusals} refusals`;
}

async function begin(page, duration) {
  await press(page, "Clear");
  await calmWeather(page);
  await page.select('[data-setting="duration"]', `uniform:${duration}`);
  await saved(page);
  await page.select("#telling", "left-out");
  await page.select("#size", "512x512");
}

const text = (page, id) => page.$eval(`#${id}`, (element) => element.textContent);
const number = async (page, id) => Number(await text(page, id));
