// Bundlers of what answers requests: wrangler's Worker, run in workerd, and Next's page and routes, run by its own server.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { build, freshFolder, outcomeOf, startServer, toolVersion, withSize } from "../tools.mjs";

const posted = (input) => ({ method: "POST", body: JSON.stringify(input) });

const wrangler = {
  name: "wrangler, deploy --dry-run",
  group: "Bundlers",
  async run(context) {
    const folder = await freshFolder(context, "wrangler", "worker");
    await build(context, folder, ["wrangler", "deploy", "--dry-run", "--outdir", "dist"]);
    const dist = join(folder, "dist");
    const { compatibility_date: compatibilityDate } = JSON.parse(await readFile(join(folder, "wrangler.json"), "utf8"));
    const { Miniflare } = await import("miniflare");
    const worker = new Miniflare({
      modules: true,
      modulesRoot: dist,
      scriptPath: join(dist, "worker.js"),
      modulesRules: [{ type: "CompiledWasm", include: ["**/*.wasm"] }],
      compatibilityDate,
      host: "127.0.0.1",
    });
    context.atEnd(() => worker.dispose());
    const outcome = await outcomeOf(await worker.dispatchFetch("http://worker.test/", posted(context.input)));
    return { ...(await withSize(outcome, dist)), version: await toolVersion("wrangler") };
  },
};

/** The folder that `next build` left, of all three rows. */
let built;
async function buildNext(context) {
  const folder = await freshFolder(context, "next", "next");
  await build(context, folder, ["next", "build"]);
  return folder;
}

/** Next's and React's files aside, the client's file that has the core in it. */
async function withCoreSize(outcome, folder) {
  const text = await readFile(join(folder, "node_modules/tidegate/dist/core.text.js"), "utf8");
  // Letters and digits alone: no minifier writes them in another way.
  const [mark] = /\w{12,}/.exec(text.slice(100));
  const hasCore = async (path) => path.endsWith(".js") && (await readFile(path, "utf8")).includes(mark);
  return withSize(outcome, join(folder, ".next/static"), hasCore);
}

const next = (name, use) => ({
  name: `Next, ${name}`,
  group: "Bundlers",
  async run(context) {
    const folder = await (built ??= buildNext(context));
    const words = ["start", "--hostname", "127.0.0.1", "--port", "0"];
    const origin = await startServer(context, folder, ["next", ...words]);
    return { ...(await use(context, origin, folder)), version: await toolVersion("next") };
  },
});
const route = (path) => async (context, origin) => outcomeOf(await fetch(`${origin}${path}`, posted(context.input)));

export const rows = [
  wrangler,
  next("client page", async (context, origin, folder) =>
    withCoreSize(await context.inPage("Chromium", `${origin}/`), folder),
  ),
  next("Node route", route("/node")),
  next("edge route", route("/edge")),
];
