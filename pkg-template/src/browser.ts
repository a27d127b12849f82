/** Whether this runs in a browser, page or worker: whatever is here can be read by whoever opens it. */
export function inBrowser(): boolean {
  const host = globalThis as Record<string, unknown> & { process?: { versions?: { node?: string } } };
  const page = typeof host["window"] === "object" && typeof host["document"] === "object";
  // Server runtimes have some of a worker's globals, but a scope of that class and importScripts together only browsers do.
  const worker = typeof host["importScripts"] === "function" && typeof host["WorkerGlobalScope"] === "function";
  return page || (worker && !host["Deno"] && !host["Bun"] && !host.process?.versions?.node);
}
