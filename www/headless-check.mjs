// Uses the page as a person would, and fails unless every picture comes, as asked and paid once:
// node headless-check.mjs URL [--screenshot FILE]
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const COUNT = 24;
const SIZE = 512;
const LIMIT_MS = 180_000;

const { values, positionals } = parseArgs({ allowPositionals: true, options: { screenshot: { type: "string" } } });
const [address] = positionals;
const simulator = address && new URL(address).searchParams.get("simulator");
if (!simulator)
  fail("usage: node headless-check.mjs 'http://127.0.0.1:PORT/?simulator=http://127.0.0.1:PORT' [--screenshot FILE]");

// Whatever hangs, hangs no longer than this; the browser ends with this process.
setTimeout(() => fail(`not over after ${LIMIT_MS / 1000} s`), LIMIT_MS).unref();

const browser = await chromium.launch({
  executablePath: findChromium(),
  headless: false,
  args: [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
try {
  await check(await browser.newPage({ viewport: { width: 1440, height: 1000 } }));
} catch (error) {
  fail(error instanceof Error ? error.message : String(error));
} finally {
  await browser.close();
}

async function check(page) {
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`page error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(`console: ${message.text()}`);
  });
  page.on("requestfailed", (request) => complaints.push(`request failed: ${request.url()}`));

  const before = await stats();
  await page.goto(address);
  await page.getByRole("combobox", { name: "A picture takes" }).selectOption({ label: "1 – 2 s" });
  await page.getByText("Saved: it holds from now on.").waitFor();
  await page.getByLabel("How many").fill(String(COUNT));
  await page.getByRole("combobox", { name: "Size" }).selectOption(`${SIZE}x${SIZE}`);
  const begun = Date.now();
  await page.getByRole("button", { name: "Generate" }).click();
  await page.waitForFunction(
    (count) => {
      const over = ["succeeded", "failed", "cancelled"].map((state) => `.card[data-state="${state}"]`);
      return document.querySelectorAll(over.join()).length >= count;
    },
    COUNT,
    { timeout: LIMIT_MS },
  );
  const seconds = ((Date.now() - begun) / 1000).toFixed(1);
  const pictures = await page.locator(".gallery img[src]").evaluateAll((images) =>
    Promise.all(
      images.map(async (image) => {
        await image.decode();
        return `${image.naturalWidth}x${image.naturalHeight}`;
      }),
    ),
  );
  if (values.screenshot) {
    // The last picture has faded in by then.
    await page.waitForTimeout(1500);
    await page.screenshot({ path: values.screenshot, fullPage: true });
  }
  const failures = await page.locator('.card[data-state="failed"]').allInnerTexts();
  const after = await stats();
  const grown = (name) => after[name] - before[name];

  const right = pictures.filter((size) => size === `${SIZE}x${SIZE}`).length;
  const told = `${right} of ${COUNT} pictures of ${SIZE}x${SIZE} in ${seconds} s, ${grown("charges")} charges, ${grown("refusals")} refusals, at most ${after.peak_in_flight} in flight, ${grown("leaked_credentials")} keys leaked`;
  const wrong = [
    (right !== COUNT || pictures.length !== COUNT) && `sizes: ${pictures.join(" ") || "none"}`,
    grown("charges") !== COUNT && "not one charge a picture",
    grown("leaked_credentials") !== 0 && "a key went where it must not",
    ...failures.map((text) => `failed: ${text.replaceAll("\n", " ")}`),
    ...complaints,
  ].filter(Boolean);
  if (wrong.length > 0) throw new Error([told, ...wrong].join("\n"));
  console.log(told);
}

async function stats() {
  const response = await fetch(`${simulator}/admin/stats`);
  return response.json();
}

function findChromium() {
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const folders = (process.env.PATH ?? "").split(delimiter);
  const candidates = [
    process.env.CHROMIUM,
    "/usr/bin/chromium",
    ...folders.flatMap((folder) => names.map((name) => join(folder, name))),
  ];
  const found = candidates.find((path) => path && existsSync(path));
  return found ?? fail("no Chromium: name one by the variable CHROMIUM");
}

function fail(message) {
  console.error(`headless check: ${message}`);
  process.exit(1);
}
