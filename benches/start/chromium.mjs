// Chromium: a page in a context of its own per sample, so that nothing is cached. Its import is over HTTP from this machine.
import { createServer } from "node:http";
import { chromium } from "playwright-core";
import { bundle } from "./bundle.mjs";

const COUNT = 50;

async function serve() {
  const files = {
    "/": ["text/html", "<!doctype html><title>bench</title>"],
    "/tidegate.js": ["text/javascript", await bundle('export * from "tidegate"')],
    "/parts.js": ["text/javascript", await bundle('export * from "./parts.mjs"')],
    "/measure.js": ["text/javascript", await bundle('export * from "./measure.mjs"')],
  };
  const server = createServer((request, response) => {
    const [type, text] = files[request.url] ?? ["text/plain", ""];
    response.writeHead(files[request.url] ? 200 : 404, { "content-type": type, "cache-control": "no-store" }).end(text);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

/** What runs in the page. */
const samples = {
  firstRequest: async () => (await import("/measure.js")).firstRequest(() => import("/tidegate.js")),
  steps: async () => (await import("/measure.js")).steps(() => import("/parts.js")),
  instance: async (count) => {
    const { instances, linearMemory } = await import("/measure.js");
    const parts = await import("/parts.js");
    globalThis.compiled ??= new WebAssembly.Module(parts.decode(parts.text));
    const { bytes, kept } = await linearMemory(() => instances(parts, globalThis.compiled, count));
    (globalThis.kept ??= []).push(kept);
    return bytes;
  },
  client: async (count) => {
    const { idleClients, linearMemory } = await import("/measure.js");
    const tidegate = await import("/tidegate.js");
    const { bytes, kept } = await linearMemory(() => idleClients(tidegate, count));
    (globalThis.kept ??= []).push(kept);
    return bytes;
  },
};

async function memory(page, make) {
  const inspector = await page.context().newCDPSession(page);
  const used = async () => {
    await inspector.send("HeapProfiler.collectGarbage");
    return (await inspector.send("Runtime.getHeapUsage")).usedSize;
  };
  await page.evaluate(make, 1);
  const before = await used();
  const linear = await page.evaluate(make, COUNT);
  return { linear, heap: ((await used()) - before) / COUNT };
}

export let name = "Chromium";

export async function open() {
  const server = await serve();
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
  name = `Chromium ${browser.version().split(".")[0]}`;
  const sample = async (what) => {
    const context = await browser.newContext();
    try {
      const page = await context.newPage();
      await page.goto(`http://127.0.0.1:${server.address().port}/`);
      const isMemory = what === "instance" || what === "client";
      return await (isMemory ? memory(page, samples[what]) : page.evaluate(samples[what]));
    } finally {
      await context.close();
    }
  };
  const close = async () => {
    await browser.close();
    server.close();
  };
  return { sample, close };
}
