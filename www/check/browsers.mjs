// The browsers that the check runs in, both over the same protocol client.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import puppeteer from "puppeteer-core";

const kinds = {
  chromium: {
    variable: "CHROMIUM",
    names: ["chromium", "chromium-browser", "google-chrome"],
    options: {
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
  firefox: { variable: "FIREFOX", names: ["firefox-esr", "firefox"], options: { browser: "firefox" } },
};

/** The names of all of them. */
export const browsers = Object.keys(kinds);

/** Starts one without a window. */
export function launch(name) {
  const { variable, names, options } = kinds[name];
  const folders = (process.env.PATH ?? "").split(delimiter);
  const candidates = [
    process.env[variable],
    ...["/usr/bin", ...folders].flatMap((folder) => names.map((file) => join(folder, file))),
  ];
  const executablePath = candidates.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error(`no ${name}: name one by the variable ${variable}`);
  return puppeteer.launch({ ...options, executablePath, headless: true, protocolTimeout: 120_000 });
}
