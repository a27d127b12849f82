// The page as a person meets it: what can be pressed, what can be seen.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Waits until `test`, run in the page, is true. */
export async function until(page, what, test, ...given) {
  await page.waitForFunction(test, { timeout: 90_000, polling: 100 }, ...given).catch((error) => {
    throw new Error(`${what}: ${error.message}`);
  });
}

/** Presses a button by its name. */
export async function press(page, name) {
  const found = await page.evaluateHandle(
    (wanted) => [...document.querySelectorAll("button")].find((button) => button.textContent.trim() === wanted),
    name,
  );
  const button = found.asElement();
  if (!button) throw new Error(`no button "${name}"`);
  await button.click();
}

/** Fills in a field by its id. */
export async function fill(page, id, value) {
  await page.locator(`#${id}`).fill(String(value));
}

/** Asks for pictures and waits until each has come or failed. */
export async function generate(page, count) {
  await fill(page, "count", count);
  await press(page, "Generate");
  await settled(page, count);
}

/** Waits until so many cards are at their end. */
export async function settled(page, count) {
  await until(
    page,
    `${count} cards at their end`,
    (wanted) => {
      const over = ["succeeded", "failed", "cancelled"].map((state) => `.card[data-state="${state}"]`);
      return document.querySelectorAll(over.join()).length >= wanted;
    },
    count,
  );
  // The charts take down the end with the next tick.
  await until(page, "the end in the charts", () => document.querySelector("#moment").textContent !== "now");
}

/** The sizes of the pictures that are shown, each decoded. */
export function pictures(page) {
  return page.$$eval(".gallery img[src]", (images) =>
    Promise.all(
      images.map(async (image) => {
        await image.decode();
        return `${image.naturalWidth}x${image.naturalHeight}`;
      }),
    ),
  );
}

/** What a chart says that it drew. */
export async function drawn(page, id) {
  const said = await page.$eval(`#${id}`, (element) => ({ ...element.dataset }));
  return Object.fromEntries(Object.entries(said).map(([name, value]) => [name, Number(value)]));
}

/** How many pixels of a chart's canvas have the colour of a key of the legend, or nearly. */
export function pixels(page, id, key) {
  return page.$eval(
    `#${id} canvas`,
    (canvas, name) => {
      const colour = getComputedStyle(document.querySelector(`#course [data-key="${name}"]`)).color;
      const [red, green, blue] = colour.match(/[\d.]+/g).map(Number);
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let found = 0;
      for (let index = 0; index < data.length; index += 4) {
        const far = Math.abs(data[index] - red) + Math.abs(data[index + 1] - green) + Math.abs(data[index + 2] - blue);
        if (data[index + 3] > 200 && far < 24) found += 1;
      }
      return found;
    },
    key,
  );
}

/** The serious and critical findings of axe, one a line. */
export async function findings(page, where) {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    // A colour that is on its way to another is no colour of the page's.
    const changes = document
      .getAnimations()
      .filter((change) => change instanceof CSSTransition && change.effect.target.checkVisibility());
    await Promise.allSettled(changes.map((change) => change.finished));
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .flatMap(({ id, help, nodes }) =>
        nodes.map(({ target, any }) => `${id} (${help}): ${target} ${any[0]?.message ?? ""}`),
      );
  });
  return found.map((line) => `axe, ${where}: ${line}`);
}

/** Whatever is wider than the window. */
export function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
}

/** No faults, and quick pictures. */
export async function calmWeather(page) {
  await page.click('[data-weather="calm"]');
  await saved(page);
  await page.select('[data-setting="duration"]', "uniform:1000,2000");
  await saved(page);
}

/** Waits until the simulator has taken the last change. */
export async function saved(page) {
  await until(page, "a change saved", () => document.querySelector("#settings").dataset.pending === "0");
  const [state, text] = await page.$eval("#settings-note", (note) => [note.dataset.state, note.textContent]);
  if (state !== "saved") throw new Error(`the simulator refused a change: ${text}`);
}
