// What stands between the relay and the simulator: it hands requests and answers on as they are, and remembers what the upstream said.
import { once } from "node:events";
import { createServer, request as send } from "node:http";

/** Starts it in front of `upstream`; `said` holds each answer to a POST since the last `begin`. */
export async function startTap(upstream) {
  const { hostname, port } = new URL(upstream);
  let said = [];
  let instead;
  const server = createServer((asked, answer) => {
    const isSubmit = asked.method === "POST";
    const note = (status, headers, body) => isSubmit && said.push({ status, headers, body });
    const chunks = [];
    if (instead) {
      asked.resume().on("end", () => {
        note(instead.status, {}, JSON.stringify(instead.body));
        answer
          .writeHead(instead.status, { "content-type": "application/json", ...instead.headers })
          .end(JSON.stringify(instead.body));
      });
      return;
    }
    const { method, url, headers } = asked;
    const lost = (error) => {
      note("connection broken", {}, error.message);
      answer.destroy();
    };
    const onwards = send({ hostname, port, method, path: url, headers: { ...headers, host: `${hostname}:${port}` } });
    asked.pipe(onwards);
    // Whoever hangs up hangs up for both.
    answer.on("close", () => {
      if (!answer.writableFinished && !onwards.destroyed) {
        note("nothing yet", {}, "the relay hung up");
        onwards.destroy();
      }
    });
    onwards.on("error", (error) => answer.destroyed || lost(error));
    onwards.on("response", (incoming) => {
      incoming.on("data", (chunk) => chunks.push(chunk));
      incoming.on("end", () => note(incoming.statusCode, incoming.headers, Buffer.concat(chunks).toString()));
      incoming.on("error", lost);
      answer.writeHead(incoming.statusCode, incoming.headers);
      incoming.pipe(answer);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** Forgets what was said; from now on `scripted`, a status, headers and a body, is the answer in place of the upstream's. */
    begin(scripted) {
      said = [];
      instead = scripted;
    },
    said: () => [...said],
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
