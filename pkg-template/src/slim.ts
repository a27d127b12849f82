import { instantiate } from "./core.js";
import { provide } from "./start.js";

provide(instantiate);
export { start } from "./start.js";
export * from "./index.js";
