// Addresses at which a request fails, each in one way: some have no server, some a server that breaks off at a moment of its choice.
import { createSecureServer as createHttp2 } from "node:http2";
import { createServer as createTcp } from "node:net";
import { createServer as createHttps } from "node:https";
import { listen } from "./pages.mjs";

const OPEN = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET, POST",
  "access-control-allow-headers": "authorization, content-type, idempotency-key",
  "access-control-expose-headers": "retry-after",
};

/** The head of a PNG of 512 × 512 pixels, and enough behind it. */
const PICTURE = Buffer.alloc(4096);
PICTURE.set([
  0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52, 0, 0, 2, 0, 0, 0, 2, 0,
]);

const answer = (response, status, body, headers) =>
  response.writeHead(status, { ...OPEN, "content-type": "application/json", ...headers }).end(body);
const done = (response, data, headers) =>
  answer(response, 200, JSON.stringify({ code: 200, message: "success", data }), headers);

/** Announces more than it sends, or sends chunks without the last one. */
const cut = (headers) => (response) => {
  response.writeHead(200, { ...OPEN, "content-type": "application/json", ...headers });
  response.write('{"code":200,"message":"success","da', () =>
    // A moment later, so that the host has the head and a part of the body.
    setTimeout(() => response.destroy(), 50),
  );
};

/** Says that a body is compressed which is not. */
const LIE = { "content-encoding": "gzip" };

const accept = (response) => done(response, { taskId: "t1" });

/** After so many milliseconds the head of an answer and a piece of its body, and after one more pause the rest. */
const slow = (response, { ms }) =>
  setTimeout(() => {
    const text = JSON.stringify({ code: 200, message: "success", data: { taskId: "t1" } });
    response.writeHead(200, { ...OPEN, "content-type": "application/json" }).write(text.slice(0, 9));
    setTimeout(() => response.end(text.slice(9)), Math.min(ms, 1_800));
  }, ms);

/**
 * What happens to a POST that has been read, by the name of its failure. `turn` counts the requests of its connection, `count` those of its server. Each has
 * a server of its own, so that hosts keep its connections apart.
 */
const SUBMITS = {
  "reset after the request was read": (response) => response.socket.resetAndDestroy(),
  "closed after the request was read": (response) => response.socket.destroy(),
  "kept connection, closed between requests": accept,
  "kept connection, closed at the next request": (response, { turn }) =>
    turn > 1 ? response.socket.destroy() : accept(response),
  "kept connection, reset at the next request": (response, { turn }) =>
    turn > 1 ? response.socket.resetAndDestroy() : accept(response),
  "no answer": () => {},
  "body cut short": cut({ "content-length": 1000 }),
  "body cut short, in chunks": cut({}),
  "refusal whose encoding lies": (response, { count }) =>
    // A bare fetch meets it, and a client once.
    count <= 2 ? answer(response, 429, '{"error":{}}', { ...LIE, "retry-after": "1" }) : accept(response),
  "image whose encoding lies": accept,
  "limit of the host's own fetch": slow,
};

/** A server of HTTP/2 that says GOAWAY instead of an answer; to HTTP/1.1 it answers. */
const goaway = (pair, pictures) => {
  const server = createHttp2({ ...pair, allowHTTP1: true });
  server.on("request", (request, response) => {
    if (request.method === "OPTIONS") return response.writeHead(204, OPEN).end();
    request.resume().on("end", () => {
      if (request.httpVersion === "1.1")
        return request.method === "POST" ? accept(response) : finish(response, pictures);
      // Another one may have ended the session.
      request.stream?.session?.goaway(0, request.stream.id);
      request.stream?.session?.destroy();
    });
  });
  return server;
};

/** The task is done, and its picture is at an address. */
const finish = (response, url) =>
  done(response, { taskId: "t1", status: "success", output: [{ type: "image", url: `${url}/image.png` }] });

/** A server of one failure. */
async function serve(failure, requests, slowness) {
  const turns = new WeakMap();
  let count = 0;
  const server = await listen((request, response) => {
    const { method, socket } = request;
    if (method === "OPTIONS") return response.writeHead(204, { ...OPEN, "access-control-max-age": "60" }).end();
    const turn = (turns.get(socket) ?? 0) + 1;
    turns.set(socket, turn);
    if (request.url === "/warm") {
      answer(response, 200, "{}");
      // The host has the answer and keeps the connection, which is gone before it is used again.
      if (failure === "kept connection, closed between requests") setTimeout(() => socket.destroy(), 50);
      return;
    }
    requests.push({ failure, method, at: performance.now() });
    request.resume().on("end", () => {
      if (method === "POST") return SUBMITS[failure](response, { turn, count: ++count, ms: slowness });
      if (request.url !== "/image.png") return finish(response, server.url);
      const lie = failure === "image whose encoding lies" && LIE;
      answer(response, 200, PICTURE, { "content-type": "image/png", ...lie });
    });
  });
  return server;
}

async function open(server, sockets) {
  server.on("connection", (socket) => {
    sockets.add(socket.on("close", () => sockets.delete(socket)).on("error", () => {}));
  });
  server.on("secureConnection", (socket) => socket.on("error", () => {}));
  server.on("tlsClientError", () => {}).on("sessionError", () => {});
  await new Promise((resolve, reject) => server.on("error", reject).listen(0, "127.0.0.1", resolve));
  return server.address().port;
}

/**
 * @param certificates those of certificates.mjs
 * @param {number} slowness how long the slow server takes, ms
 * @returns `at`: by the name of a failure the base address that has it; `requests`: those that were read, of `{ failure, method, at }` with a time in ms
 */
export async function startFaultyNetwork(certificates, slowness) {
  const requests = [];
  const [servers, sockets] = [[], new Set()];
  const start = async (server) => {
    servers.push(server);
    return open(server, sockets);
  };
  const onTls = async (pair) =>
    `https://127.0.0.1:${await start(createHttps(pair, (_, response) => accept(response)))}`;
  const served = {};
  for (const failure of Object.keys(SUBMITS)) served[failure] = await serve(failure, requests, slowness);
  const closed = await listen(() => {});
  closed.close();
  const plain = served["no answer"].url;
  const pictures = served["kept connection, closed between requests"].url;
  const at = {
    "unknown host": "https://provider.invalid",
    "closed port": closed.url,
    "closed port, several addresses": closed.url.replace("127.0.0.1", "localhost"),
    "forbidden port": "http://127.0.0.1:6000",
    // The kernel itself has no way to such an address by TCP: nothing is sent.
    "no route": "https://255.255.255.255:8443",
    "self-signed certificate": await onTls(certificates.selfSigned),
    "expired certificate": await onTls(certificates.expired),
    "certificate of another name": await onTls(certificates.wrongName),
    "certificate of an unknown issuer": await onTls(certificates.unknownIssuer),
    "certificate of a company's proxy": await onTls(certificates.proxied),
    "HTTPS at a port of HTTP": plain.replace("http:", "https:"),
    "reset before the request was read": `http://127.0.0.1:${await start(createTcp((socket) => socket.resetAndDestroy()))}`,
    GOAWAY: `https://127.0.0.1:${await start(goaway(certificates.good, pictures))}`,
    ...Object.fromEntries(Object.entries(served).map(([failure, { url }]) => [failure, url])),
  };
  return {
    at,
    requests,
    close() {
      for (const server of servers) server.close();
      for (const socket of sockets) socket.destroy();
      for (const server of Object.values(served)) server.close();
    },
  };
}
