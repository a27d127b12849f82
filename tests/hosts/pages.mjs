// Servers on 127.0.0.1 for pages: one a folder, each on a port and so an origin of its own, and one that takes what pages report.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".css": "text/css",
  ".wasm": "application/wasm",
};

/** Listens on a free port; `url` has no slash at its end. */
export async function listen(handler) {
  const server = createServer(handler);
  await new Promise((resolve, reject) => server.on("error", reject).listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, close };
}

/** Serves the files of a folder with these headers on each. */
export function serveFolder(folder, headers = {}) {
  return listen(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://127.0.0.1").pathname);
    const file = join(folder, normalize(path.endsWith("/") ? `${path}index.html` : path));
    try {
      const bytes = await readFile(file);
      response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", ...headers });
      response.end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
}

/** Takes reports: `expect()` gives an address to POST one to, and the promise of it. */
export async function takeReports() {
  const waiting = new Map();
  let last = 0;
  const server = await listen(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    response.writeHead(204, { "access-control-allow-origin": "*" }).end();
    const name = request.url.slice(1);
    waiting.get(name)?.(JSON.parse(Buffer.concat(chunks)));
    waiting.delete(name);
  });
  return {
    origin: server.url,
    close: server.close,
    expect(limit) {
      const name = String(++last);
      const report = new Promise((resolve, reject) => {
        waiting.set(name, resolve);
        setTimeout(() => reject(new Error(`no report from the page within ${limit / 1000} s`)), limit).unref();
      });
      return { url: `${server.url}/${name}`, report };
    },
  };
}
