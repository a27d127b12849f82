// Serves the built page on a free port of 127.0.0.1, tells its address in the first line, stops when standard input ends.
import { fileURLToPath } from "node:url";
import { preview } from "vite";

const root = fileURLToPath(new URL(".", import.meta.url));
const server = await preview({
  root,
  logLevel: "warn",
  preview: { host: "127.0.0.1", port: 0, open: false },
});
const { port } = server.httpServer.address();
console.log(`http://127.0.0.1:${port}`);

process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
