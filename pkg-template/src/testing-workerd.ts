import { provideWorld } from "./simulator.js";
import module from "./simulator-world.wasm";

provideWorld(() => module);
export { createSimulator } from "./simulator.js";
export type * from "./types-testing.js";
