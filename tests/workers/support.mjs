// The packed package in workerd, and the simulator that it draws with.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Miniflare, supportedCompatibilityDate } from "miniflare";

const simulator = process.env.TIDEGATE_SIMULATOR;
const folder = process.env.TIDEGATE_PACKAGE ?? fileURLToPath(new URL("../../pkg", import.meta.url));

/** The oldest that a user may well have kept, and the newest that this workerd knows. */
export const dates = ["2024-01-01", supportedCompatibilityDate];

export const admin = async (path, method = "GET", body = undefined) => {
  const response = await fetch(new URL(`/admin/${path}`, simulator), { method, body: body && JSON.stringify(body) });
  assert.ok(response.ok, `${path}: ${response.status}`);
  return response.json();
};

/** A new world with these settings besides those that the tests share. */
export const world = (settings) =>
  admin("reset", "POST", { duration: "fixed:600", queued_ms: 50, archiving_ms: 50, latency_ms: 0, ...settings });

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks until it is so, at most for a while. */
export const until = async (what, ask, within = 20_000) => {
  const end = performance.now() + within;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    assert.ok(performance.now() < end, `not within ${within} ms: ${what}`);
    await pause(50);
  }
};

const sources = async (entry) => {
  const { exports } = JSON.parse(await readFile(`${folder}/package.json`, "utf8"));
  const modules = [];
  for (const name of await readdir(`${folder}/dist`)) {
    const type = name.endsWith(".js") ? "ESModule" : name.endsWith(".wasm") ? "CompiledWasm" : undefined;
    if (type) {
      const contents = await readFile(`${folder}/dist/${name}`);
      modules.push({
        type,
        path: `tidegate/dist/${name}`,
        contents: type === "ESModule" ? String(contents) : contents,
      });
    }
  }
  // What the condition "workerd" resolves to, under the package's name.
  const target = exports["."].workerd.replace("./", "./tidegate/");
  modules.push({ type: "ESModule", path: "tidegate", contents: `export * from ${JSON.stringify(target)};` });
  const own = async (name) => ({
    type: "ESModule",
    path: name,
    contents: String(await readFile(new URL(name, import.meta.url))),
  });
  return [await own(entry), await own("instrument.mjs"), ...modules];
};

/**
 * A worker with a key of its own, and so a lane and a quota of its own. Whatever workerd says on its output is a complaint.
 *
 * @param change a function that changes a module's text before it runs
 */
export const start = async ({ date, cap = 1, key, entry = "worker.mjs", options = {}, change = (_, text) => text }) => {
  const said = [];
  const modules = await sources(entry);
  const gate = {
    name: "gate",
    modules: true,
    script: await readFile(new URL("gate.mjs", import.meta.url), "utf8"),
    compatibilityDate: date,
    serviceBindings: { WORKER: "worker" },
  };
  const worker = {
    name: "worker",
    modules: modules.map((module) =>
      module.type === "ESModule" ? { ...module, contents: change(module.path, module.contents) } : module,
    ),
    compatibilityDate: date,
    bindings: { SIMULATOR: simulator, HIAPI_URL: simulator, KEY: key, HIAPI_KEY: key, CAP: String(cap) },
    ...options,
  };
  const miniflare = new Miniflare({
    workers: [gate, worker],
    handleRuntimeStdio(...streams) {
      for (const stream of streams) stream.on("data", (data) => said.push(String(data)));
    },
  });
  const url = await miniflare.ready;
  let calls = 0;
  /** A request, and a way to hang up on it. */
  const call = (path, body = {}) => {
    const number = ++calls;
    const send = async () => {
      const response = await fetch(new URL(`/${path}?call=${number}`, url), {
        method: "POST",
        body: JSON.stringify(body),
      });
      const text = await response.text();
      const value = /^[[{]/.test(text) ? JSON.parse(text) : { error: text };
      return Array.isArray(value) ? { items: value } : value;
    };
    return Object.assign(send(), { hangUp: () => fetch(new URL(`/hang-up?call=${number}`, url)) });
  };
  return { miniflare, url, call, said, key, reports: entry === "worker.mjs", stop: () => miniflare.dispose() };
};

/** What this worker's key was charged for, by prompt. */
export const charges = async (key) => {
  const ledger = await admin("ledger");
  const own = ledger.filter((charge) => charge.key.endsWith(key.slice(-2)));
  return own.map(({ prompt }) => prompt).sort();
};
