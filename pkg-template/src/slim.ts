import { instantiate } from "./core.js";
import { provide } from "./start.js";

// Edge hosts share no I/O between requests, whichever entry runs on them.
provide(instantiate, undefined, "WebSocketPair" in globalThis || "EdgeRuntime" in globalThis);
export { start } from "./start.js";
export * from "./index.js";
