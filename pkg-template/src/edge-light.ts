import { instantiate } from "./core.js";
import module from "./core.wasm?module";
import { provide } from "./start.js";

provide(instantiate, () => module, true);
export * from "./index.js";
