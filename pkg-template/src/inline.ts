import hex from "./core.hex.js";
import { instantiate } from "./core.js";
import { decode } from "./letters.js";
import { provide } from "./start.js";

provide(instantiate, () => decode(hex));
export * from "./index.js";
