// Uses the page as a person would, in Chromium and in Firefox, and fails unless every picture comes, as asked and paid once, the charts draw what was,
// the gate finds a limit that nobody tells it, tenants share as they should, every switch reaches the simulator, the keys do what they say, and axe finds nothing serious:
// node headless-check.mjs URL [--browser NAME] [--screenshots FOLDER]
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { browsers, launch } from "./check/browsers.mjs";
import { learning, windows } from "./check/learning.mjs";
import {
  calmWeather,
  drawn,
  fill,
  findings,
  generate,
  overflow,
  pictures,
  pixels,
  press,
  saved,
  settled,
  until,
} from "./check/page.mjs";
import { Simulated } from "./check/simulated.mjs";

const COUNT = 24;
const SIZE = 512;
const LIMIT_MS = 900_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { screenshots: { type: "string" }, browser: { type: "string" } },
});
const [address] = positionals;
const simulator = address && new URL(address).searchParams.get("simulator");
if (!simulator) fail("usage: node headless-check.mjs 'http://127.0.0.1:PORT/?simulator=http://127.0.0.1:PORT'");

const simulated = new Simulated(simulator);

// Whatever hangs, hangs no longer than this; the browsers end with this process.
setTimeout(() => fail(`not over after ${LIMIT_MS / 1000} s`), LIMIT_MS).unref();

for (const name of values.browser ? [values.browser] : browsers) {
  const browser = await launch(name).catch((error) => fail(error.message));
  try {
    const page = await browser.newPage();
    await page.setViewport({ width: 1440, height: 1000 });
    console.log(`${name}: ${await check(page, name)}`);
  } catch (error) {
    fail(`${name}: ${error instanceof Error ? error.stack : String(error)}`);
  } finally {
    await browser.close();
  }
}
process.exit(0);

async function check(page, name) {
  const wrong = [];
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`page error: ${error.message}`));
  page.on("console", (message) => {
    // The check itself reads the canvas back, more often than a page should.
    if (["error", "warn"].includes(message.type()) && !message.text().startsWith("Canvas2D"))
      complaints.push(`console: ${message.text()}`);
  });
  const elsewhere = new Set();
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    const own = [new URL(address).origin, new URL(simulator).origin].includes(origin);
    if (!own && !["blob:", "data:"].includes(protocol)) elsewhere.add(request.url());
  });
  const shoot = async (what) => {
    if (!values.screenshots) return;
    await mkdir(values.screenshots, { recursive: true });
    await page.screenshot({
      path: join(values.screenshots, `${name}-${what}.png`),
      fullPage: !/^(help|learn|window)/.test(what),
    });
  };

  await simulated.reset();
  await page.goto(address);
  await until(page, "the simulator's settings", () => !document.querySelector("#settings-fields").disabled);
  wrong.push(...(await findings(page, "at first")));
  await calmWeather(page);
  const told = await calm(page, wrong);
  await shoot("finished");
  wrong.push(...(await findings(page, "finished")));
  // From here on the browser's own words about refusals and faults are no complaint.
  wrong.push(...complaints.splice(0));

  await theme(page, wrong, shoot);
  const learned = await learning(page, wrong, shoot, simulated);
  const window = await windows(page, wrong, shoot, simulated);
  await switches(page, wrong);
  const storm = await faults(page, wrong, shoot);
  await providers(page, wrong, shoot);
  await keys(page, wrong, shoot);
  await narrow(page, wrong, shoot);
  await alone(page, wrong);
  wrong.push(...complaints.filter((text) => text.startsWith("page error") && !/CORS|NetworkError/.test(text)));
  for (const url of elsewhere) wrong.push(`a request to elsewhere: ${url}`);
  if (wrong.length > 0) throw new Error([told, learned, window, storm, ...wrong].join("\n"));
  return [told, learned, window, storm].join("; ");
}

/** Without faults: every picture, one charge each, and everything drawn. */
async function calm(page, wrong) {
  const before = await simulated.stats();
  await page.select("#size", `${SIZE}x${SIZE}`);
  await page.select("#telling", "told");
  const begun = Date.now();
  await generate(page, COUNT);
  const seconds = ((Date.now() - begun) / 1000).toFixed(1);
  const sizes = await pictures(page);
  const failures = await page.$$eval('.card[data-state="failed"]', (cards) => cards.map((card) => card.innerText));
  const after = await simulated.stats();
  const grown = (name) => after[name] - before[name];
  const right = sizes.filter((size) => size === `${SIZE}x${SIZE}`).length;
  wrong.push(
    ...[
      (right !== COUNT || sizes.length !== COUNT) && `sizes: ${sizes.join(" ") || "none"}`,
      grown("charges") !== COUNT && `${grown("charges")} charges for ${COUNT} pictures`,
      grown("leaked_credentials") !== 0 && "a key went where it must not",
      ...failures.map((text) => `failed: ${text.replaceAll("\n", " ")}`),
    ].filter(Boolean),
  );

  const { points } = await drawn(page, "slots");
  const rows = await drawn(page, "tasks");
  expect(wrong, points > COUNT, `the strip has ${points} points after ${COUNT} tasks`);
  expect(wrong, rows.rows === COUNT && rows.ends === COUNT, `the timeline: ${JSON.stringify(rows)}`);
  expect(wrong, rows.stretches >= 3 * COUNT, `${rows.stretches} bars for ${COUNT} tasks`);
  for (const [id, key, least] of [
    ["slots", "held", 300],
    ["slots", "limit", 300],
    ["waiting-strip", "waiting", 300],
    ["tasks", "waiting", 300],
    ["tasks", "processing", 3000],
    ["tasks", "succeeded", COUNT * 10],
  ]) {
    const count = await pixels(page, id, key);
    expect(wrong, count >= least, `${count} pixels of "${key}" in #${id}, at least ${least} are due`);
  }
  const spoken = await page.$eval("#spoken", (element) => element.textContent);
  expect(wrong, spoken.startsWith(`All over: ${COUNT} of ${COUNT}`), `the end was told as "${spoken}"`);
  return `${right} of ${COUNT} pictures of ${SIZE}x${SIZE} in ${seconds} s, ${grown("charges")} charges, ${grown("refusals")} refusals, ${rows.stretches} bars`;
}

/** Light and dark by the button, drawn in other colours, and remembered. */
async function theme(page, wrong, shoot) {
  const colour = () => page.evaluate(() => getComputedStyle(document.body).color);
  for (const name of ["light", "dark"]) {
    await page.click("#theme");
    await until(page, name, (wanted) => document.documentElement.dataset.theme === wanted, name);
    const count = await pixels(page, "tasks", "processing");
    expect(wrong, count >= 3000, `${count} pixels of "processing" in ${name}`);
    wrong.push(...(await findings(page, name)));
    await shoot(name);
  }
  const dark = await colour();
  await page.reload();
  await until(page, "the settings again", () => !document.querySelector("#settings-fields").disabled);
  expect(wrong, (await colour()) === dark, "the choice of dark is forgotten by a reload");
  await page.click("#theme");
}

/** Every switch, on and off again: the simulator's settings follow. */
async function switches(page, wrong) {
  for (const summary of await page.$$("details.between > summary")) await summary.click();
  wrong.push(...(await findings(page, "every group open")));
  const names = await page.$$eval("[data-switch]", (boxes) => boxes.map((box) => box.dataset.switch));
  expect(wrong, names.length >= 43, `only ${names.length} switches`);
  for (const name of names) {
    const before = (await simulated.config())[name];
    await page.click(`[data-switch="${name}"]`);
    await saved(page);
    const between = (await simulated.config())[name];
    await page.click(`[data-switch="${name}"]`);
    await saved(page);
    const after = (await simulated.config())[name];
    expect(wrong, String(before) !== String(between), `the switch ${name} leaves ${JSON.stringify(before)}`);
    expect(wrong, String(before) === String(after), `the switch ${name}: ${before}, ${between}, ${after}`);
  }
  for (const summary of await page.$$("details.between > summary")) await summary.click();
}

/** Faults by their switches: each is seen in the simulator's counts, and in the charts. */
async function faults(page, wrong, shoot) {
  const before = await simulated.stats();
  const count = 12;
  await calmWeather(page);
  await page.select("#telling", "told");
  await fill(page, "told", 4);
  for (const name of ["submit_503", "lost_answer", "truncated_json", "filtered"]) {
    await page.click(`[data-switch="${name}"]`);
    await saved(page);
  }
  // At a quarter one storm in thirty would lose nothing, by chance.
  const amounts = { "Cap: tasks at once": "2", "503 to a submit: percent": "50", "Answers to submits: percent": "50" };
  for (const [label, amount] of Object.entries(amounts)) {
    await page.$eval(
      `[aria-label="${label}"]`,
      (field, value) => {
        field.value = value;
        field.dispatchEvent(new Event("change", { bubbles: true }));
      },
      amount,
    );
    await saved(page);
  }
  await fill(page, "count", count);
  await press(page, "Generate");
  await until(page, "a refusal and a fault", () => {
    const { refusals, faults } = document.querySelector("#slots").dataset;
    return Number(refusals) > 0 && Number(faults) > 0;
  });
  wrong.push(...(await findings(page, "mid-run")));
  await until(page, "a third of the tasks", () => Number(document.querySelector("#tasks").dataset.ends) >= 4);
  await shoot("storm");
  await settled(page, count);
  const after = await simulated.stats();
  const grown = Object.fromEntries(Object.keys(after).map((key) => [key, after[key] - before[key]]));
  for (const name of ["errors", "lost", "hostile", "refusals"])
    expect(wrong, grown[name] > 0, `a switch without effect: "${name}" did not grow`);
  const strip = await drawn(page, "slots");
  const rows = await drawn(page, "tasks");
  expect(wrong, rows.refusals > 0 && rows.faults > 0, `the marks of the rows: ${JSON.stringify(rows)}`);
  for (const [id, key] of [
    ["slots", "refusal"],
    ["slots", "fault"],
    ["tasks", "refusal"],
    ["tasks", "fault"],
  ]) {
    const found = await pixels(page, id, key);
    expect(wrong, found >= 8, `${found} pixels of "${key}" in #${id}`);
  }
  await until(page, "the ledger compared", () => document.querySelector("#twice").textContent !== "–");
  const twice = await page.$eval("#twice", (element) => element.textContent);
  expect(wrong, twice === "0", `paid twice: ${twice}`);
  await calmWeather(page);
  return `with faults: ${grown.errors} errors, ${grown.lost} lost, ${grown.hostile} broken, ${strip.refusals} refusals and ${strip.faults} faults drawn, ${twice} paid twice`;
}

/** Each provider that can be chosen, told of its limit or not, draws its pictures; the ledger says whose they were. */
async function providers(page, wrong, shoot) {
  const count = 4;
  const ids = await page.$$eval("#provider option", (options) => options.map(({ value }) => value));
  expect(wrong, ids.length >= 4, `only the providers ${ids.join(", ")}`);
  await page.select("#telling", "left-out");
  for (const id of ids.slice(1)) {
    await page.select("#provider", id);
    const before = (await simulated.ledger()).length;
    await press(page, "Clear");
    await generate(page, count);
    const sizes = await pictures(page);
    // What the faults before left behind may be charged as late as this.
    const since = (await simulated.ledger()).slice(before).map(({ provider }) => provider);
    const whose = since.filter((provider) => provider !== ids[0]);
    const due = id === "compatible" ? "openai" : id;
    expect(wrong, sizes.join() === Array(count).fill("1024x1024").join(), `the pictures of ${id}: ${sizes.join(" ")}`);
    expect(wrong, whose.join() === Array(count).fill(due).join(), `the charges of ${id}: ${whose.join(" ")}`);
  }
  wrong.push(...(await findings(page, "another provider")));
  await shoot("providers");
  await page.select("#provider", ids[0]);
  await page.select("#telling", "told");
}

/** Without a server: each provider, by the simulator in the page itself. */
async function alone(page, wrong) {
  const count = 4;
  await page.setViewport({ width: 1440, height: 1000 });
  await page.goto(new URL("?sim=page", address).href);
  await until(
    page,
    "the settings of the page's own simulator",
    () => !document.querySelector("#settings-fields").disabled,
  );
  await calmWeather(page);
  for (const id of await page.$$eval("#provider option", (options) => options.map(({ value }) => value))) {
    await page.select("#provider", id);
    await generate(page, count);
    const sizes = await pictures(page);
    expect(wrong, sizes.length === count, `${sizes.length} of ${count} pictures of ${id} without a server`);
    const billed = (start) => document.querySelector("#billed").textContent.startsWith(start);
    await until(page, `the ledger of ${id} without a server`, billed, `${count} ·`);
    await press(page, "Clear");
  }
}

/** By keys alone: everything is reached, and the shortcuts act. */
async function keys(page, wrong, shoot) {
  await page.evaluate(() => {
    document.querySelector(".skip").focus();
  });
  const wanted = await page.$$eval(
    "a[href], button, input, select, textarea, [tabindex='0']",
    (elements) =>
      elements
        .filter(
          (element) =>
            element.checkVisibility() && !element.disabled && !element.closest("dialog, :disabled, .gallery"),
        )
        .filter((element) => element.type !== "radio" || element.checked).length,
  );
  const reached = new Set();
  let unseen = "";
  // One round, from the first to where the focus leaves the page.
  for (let step = 0; step < 200; step += 1) {
    const [place, visible] = await page.evaluate(() => {
      const element = document.activeElement;
      const { outlineStyle } = getComputedStyle(element);
      const counts = !element.closest(".gallery");
      return [
        element === document.body ? -1 : counts ? [...document.querySelectorAll("*")].indexOf(element) : 0,
        outlineStyle !== "none" || element.outerHTML,
      ];
    });
    if (place < 0) break;
    if (place > 0) reached.add(place);
    // The first was focused by no key.
    if (step > 0 && visible !== true) unseen = visible;
    await page.keyboard.press("Tab");
  }
  expect(wrong, reached.size >= wanted, `Tab reached ${reached.size} of ${wanted} controls`);
  expect(wrong, unseen === "", `no visible focus on ${unseen}`);

  const said = (id) => page.$eval(`#${id}`, (element) => element.getAttribute("aria-valuetext"));
  await page.focus("#lane-plot");
  await page.keyboard.press("Home");
  const first = await said("lane-plot");
  await page.keyboard.press("ArrowRight");
  expect(wrong, first.includes("limit") && first !== (await said("lane-plot")), `the lane says "${first}"`);
  await page.focus("#tasks-plot");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  const row = await said("tasks-plot");
  expect(wrong, row.startsWith("No. 2,"), `the second row says "${row}"`);

  await page.keyboard.press("?");
  await until(page, "the help", () => document.querySelector("#help").open);
  wrong.push(...(await findings(page, "help")));
  await shoot("help");
  await page.keyboard.press("Escape");
  await until(page, "the help closed", () => !document.querySelector("#help").open);
  await fill(page, "count", 8);
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("g");
  await until(page, "a run by its key", () => !document.querySelector("#cancel").disabled);
  await page.keyboard.press("p");
  await until(page, "paused by its key", () => document.querySelector("#pause").textContent === "Resume");
  await page.keyboard.press("p");
  await until(page, "resumed by its key", () => document.querySelector("#pause").textContent === "Pause");
  await page.keyboard.press("x");
  await until(page, "cancelled by its key", () => document.querySelector("#cancel").disabled);
  await until(
    page,
    "cancelled tasks in the timeline",
    () => Number(document.querySelector("#tasks").dataset.ends) === 8,
  );
  expect(wrong, (await pixels(page, "tasks", "cancelled")) > 8, "no ring of a cancelled task");
}

/** A narrow window: nothing sticks out; a key of one's own with its warning. */
async function narrow(page, wrong, shoot) {
  await page.setViewport({ width: 360, height: 740 });
  await page.click("#where-own");
  await until(page, "the warning about a key", () => document.querySelector("#key-note").checkVisibility());
  wrong.push(...(await findings(page, "a key of one's own")));
  await page.click("#where-simulator");
  const wide = await overflow(page);
  expect(wrong, wide <= 0, `${wide} pixels wider than a window of 360`);
  await shoot("narrow");
}

function expect(wrong, holds, text) {
  if (!holds) wrong.push(text);
}

function fail(message) {
  console.error(`headless check: ${message}`);
  process.exit(1);
}
