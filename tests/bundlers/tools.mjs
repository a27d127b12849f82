// Bundlers as a new user has them: a folder with the tarball installed and no configuration, and the bundler's own command.
import { spawn } from "node:child_process";
import { cp, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { program, summaryOf, versionOf } from "../hosts/harness.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
/** Beneath the bundlers' own packages, so that Next and React are found as in a project of their user; git ignores it. */
const work = join(here, "work");

/** No telemetry, no questions, no colours in what is printed. */
const environment = {
  ...process.env,
  CI: "1",
  NO_COLOR: "1",
  NEXT_TELEMETRY_DISABLED: "1",
  WRANGLER_SEND_METRICS: "false",
};
const environmentIn = (folder) => ({ ...environment, XDG_CONFIG_HOME: join(folder, ".config") });

/** A new folder with the tarball installed, the programs of the harness and a fixture. */
export async function freshFolder(context, name, fixture) {
  const folder = join(work, name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(work, { recursive: true });
  const programs = { "program.mjs": program("generate.mjs"), "in-page.mjs": program("in-page.mjs") };
  await cp(await context.folder(programs), folder, { recursive: true });
  await cp(join(here, "fixtures", fixture), folder, { recursive: true });
  return folder;
}

const command = (name) => join(here, "node_modules/.bin", name);

/** Runs a bundler to its end. */
export const build = (context, folder, [name, ...words]) =>
  context.run(command(name), words, { cwd: folder, env: environmentIn(folder), timeout: 110_000 });

export const toolVersion = (name) => versionOf(here, name);

/** Starts a bundler's server, which ends with the row; gives the first address of 127.0.0.1 that it prints. */
export async function startServer(context, folder, [name, ...words]) {
  const guard = ["--import", join(here, "end-with-stdin.mjs"), command(name)];
  const child = spawn(process.execPath, [...guard, ...words], {
    cwd: folder,
    env: environmentIn(folder),
    stdio: ["pipe", "pipe", "pipe"],
  });
  const ended = new Promise((resolve) => child.on("close", resolve));
  context.atEnd(async () => {
    child.stdin.end();
    const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
    await ended;
    clearTimeout(timer);
  });
  let printed = "";
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${name} printed no address within a minute\n${printed}`)), 60_000);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        printed += text;
        const [address] = /http:\/\/127\.0\.0\.1:\d+/.exec(printed) ?? [];
        if (!address) return;
        clearTimeout(timer);
        resolve(address);
      });
    }
    child.on("error", reject);
    ended.then(() => reject(new Error(`${name} ended\n${printed}`)));
  });
}

/** The outcome that a Worker or a route answers with. */
export async function outcomeOf(response) {
  const text = await response.text();
  if (!response.ok) throw new Error(`it answered ${response.status}: ${text}`);
  const { result, failure } = JSON.parse(text);
  if (failure) throw new Error(failure);
  return result;
}

/** The outcome with what was built beside it, by the files that count. */
export async function withSize(outcome, folder, counts = (path) => /\.(m?js|wasm)$/.test(path)) {
  const sums = [0, 0, 0];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || !(await counts(path))) continue;
    const bytes = await readFile(path);
    const sizes = [bytes, gzipSync(bytes, { level: 9 }), brotliCompressSync(bytes)];
    sizes.forEach(({ length }, at) => (sums[at] += length));
  }
  if (sums[0] === 0) throw new Error(`${folder} holds nothing that was built`);
  const [raw, gzip, brotli] = sums.map((sum) => (sum / 1000).toFixed(1));
  return { ...outcome, summary: `${summaryOf(outcome)}; built ${raw} KB, gzip ${gzip}, brotli ${brotli}` };
}
