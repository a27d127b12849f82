import { decode } from "./letters.js";
import { provideWorld } from "./simulator.js";
import hex from "./simulator-world.hex.js";

provideWorld(() => new WebAssembly.Module(decode(hex)));
export { createSimulator } from "./simulator.js";
export type * from "./types-testing.js";
