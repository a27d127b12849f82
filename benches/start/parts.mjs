// The package's parts, for what is measured one by one.
export { instantiate } from "../node_modules/tidegate/dist/core.js";
export { default as text } from "../node_modules/tidegate/dist/core.text.js";
export { decode } from "../node_modules/tidegate/dist/text.js";
