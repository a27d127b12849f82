import { provideWorld } from "./simulator.js";
import text from "./simulator-world.text.js";
import { decode } from "./text.js";

provideWorld(() => new WebAssembly.Module(decode(text)));
export { createSimulator } from "./simulator.js";
export type * from "./types-testing.js";
