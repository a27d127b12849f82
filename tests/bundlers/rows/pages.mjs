// Bundlers of pages. Each build is opened in Chromium.
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { build, freshFolder, startServer, toolVersion, withSize } from "../tools.mjs";

/** Those that write dist/main.js, which the fixture's page then loads. */
const OF_SCRIPTS = {
  "esbuild, build": ["esbuild", "main.js", "--bundle", "--minify", "--format=esm", "--outfile=dist/main.js"],
  "Rollup, build": ["rollup", "main.js", "-p", "node-resolve", "-o", "dist/main.js"],
  "webpack, production": ["webpack", "--mode", "production", "--entry", "./main.js"],
  "webpack, development": ["webpack", "--mode", "development", "--entry", "./main.js"],
};
/** Those that start from the page itself. */
const OF_PAGES = {
  "Vite, build": ["vite", "build"],
  "Parcel, build": ["parcel", "build", "index.html", "--cache-dir", ".parcel-cache", "--no-autoinstall"],
};

const folderName = (name) => name.toLowerCase().replace(/\W+/g, "-");

const builtRow = (name, command) => ({
  name,
  group: "Bundlers",
  async run(context) {
    const folder = await freshFolder(context, folderName(name), "page");
    await build(context, folder, command);
    if (name in OF_SCRIPTS) await cp(join(folder, "index.html"), join(folder, "dist/index.html"));
    const origin = await context.serve(join(folder, "dist"));
    const outcome = await context.inPage("Chromium", `${origin}/`);
    return { ...(await withSize(outcome, join(folder, "dist"))), version: await toolVersion(command[0]) };
  },
});

const viteDev = {
  name: "Vite, dev",
  group: "Bundlers",
  async run(context) {
    const folder = await freshFolder(context, "vite-dev", "page");
    const origin = await startServer(context, folder, ["vite", "--host", "127.0.0.1"]);
    return { ...(await context.inPage("Chromium", `${origin}/`)), version: await toolVersion("vite") };
  },
};

export const rows = [
  ...Object.entries({ ...OF_SCRIPTS, ...OF_PAGES }).map(([name, command]) => builtRow(name, command)),
  viteDev,
];
