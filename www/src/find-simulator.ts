import { SimulatorServer } from "./simulator-server.js";
import type { Simulator } from "./simulator.js";

/** The simulator behind the address that the page's own names (`?simulator=`), else the one in the page itself (`?sim=page`). */
export async function findSimulator(search: string): Promise<Simulator> {
  const given = new URLSearchParams(search).get("simulator");
  if (given && URL.canParse(given)) {
    const { protocol, origin } = new URL(given);
    if (protocol === "http:" || protocol === "https:") return new SimulatorServer(origin);
  }
  const { PageSimulator } = await import("./page-simulator.js");
  return new PageSimulator();
}
