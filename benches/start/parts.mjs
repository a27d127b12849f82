// The package's parts, for what is measured one by one.
export { default as letters } from "../node_modules/tidegate/dist/core.hex.js";
export { instantiate } from "../node_modules/tidegate/dist/core.js";
export { decode } from "../node_modules/tidegate/dist/letters.js";
