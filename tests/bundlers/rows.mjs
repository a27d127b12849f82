// The harness's rows of bundlers.
import { rows as pages } from "./rows/pages.mjs";
import { rows as servers } from "./rows/servers.mjs";

export const rows = [...pages, ...servers];
