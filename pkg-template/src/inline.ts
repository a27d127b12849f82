import { instantiate } from "./core.js";
import text from "./core.text.js";
import { provide } from "./start.js";
import { decode } from "./text.js";

provide(instantiate, () => decode(text));
export * from "./index.js";
