import { instantiate } from "./core.js";
import module from "./core.wasm";
import { provide } from "./start.js";

provide(instantiate, () => module, true);
export * from "./index.js";
