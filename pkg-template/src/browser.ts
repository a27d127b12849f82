/** Whether this runs in a browser, page or worker: whatever is here can be read by whoever opens it. */
export function inBrowser(): boolean {
  const host = globalThis as Record<string, unknown> & { process?: { versions?: { node?: string } } };
  const page = typeof host["window"] === "object" && typeof host["document"] === "object";
  // Server runtimes have some of a worker's globals, but a scope of that class and importScripts together only browsers do.
  const worker = typeof host["importScripts"] === "function" && typeof host["WorkerGlobalScope"] === "function";
  // workerd had importScripts before the compatibility date 2024-03-04.
  const server = host["Deno"] ?? host["Bun"] ?? host["WebSocketPair"] ?? host.process?.versions?.node;
  return page || (worker && !server);
}
