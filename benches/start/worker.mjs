// The Worker that is measured, from outside: within a request its clock stands still.
import { instantiate } from "../node_modules/tidegate/dist/core.js";
import module from "../node_modules/tidegate/dist/core.wasm";
import * as tidegate from "tidegate";
import { firstRequest, idleClients, instances, linearMemory } from "./measure.mjs";

const kept = [];

const routes = {
  "/firstRequest": () => firstRequest(() => tidegate),
  "/instance": (count) => linearMemory(() => instances({ instantiate }, module, count)),
  "/client": (count) => linearMemory(() => idleClients(tidegate, count)),
};

export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    const made = await routes[pathname](Number(searchParams.get("count")));
    kept.push(made);
    return Response.json(made.bytes ?? null);
  },
};
