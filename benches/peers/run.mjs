// One cell, one seed, one peer: what came of it.
import { inVirtualTime } from "./time.mjs";
import { peers } from "./peers.mjs";

/** What is under way when everybody has gone ends and is charged within this, ms. */
const AFTERWARDS = 3_600_000;

/** The seeds of engines, as the native bench has them. */
const seedOf = (seed, client) => Number(BigInt.asUintN(64, BigInt(seed) * 0x9e37_79b9n + BigInt(client)));

/** What each client is asked for at the start, prompts counted over all in turn. */
const partiesOf = ({ clients, tasks, tenants }) => {
  let first = 0;
  const party = (count, more) => {
    first += count;
    return { first: first - count, count, ...more };
  };
  if (tenants)
    return [tenants.map(({ weight, tasks: count }, place) => party(count, { tenant: `tenant ${place}`, weight }))];
  return Array.from({ length: clients }, () => [party(tasks)]);
};

/** `visits`: when the first client is asked for one more by somebody who looks at the screen, ms. */
export const run = (cell, visits, k, seed, name) => {
  const config = { seed, latencyMs: cell.rtt_ms, pictures: false, settings: cell.settings };
  return inVirtualTime(config, async (simulator) => {
    let [delivered, makespan] = [0, 0];
    const done = () => {
      delivered++;
      makespan = simulator.now();
    };
    const clients = partiesOf(cell);
    const count = clients.flat().reduce((sum, party) => sum + party.count, 0);
    const wanted = count + visits.length;
    const all = clients.map((parties, client) =>
      peers[name]({
        cell,
        k,
        parties,
        visits: client === 0 ? visits.map((at, place) => ({ at, index: count + place })) : [],
        seed: seedOf(seed, client),
        simulator,
        done,
      }),
    );
    await Promise.all(all);
    await simulator.advance(AFTERWARDS);
    const { polls, refused_slots, refused_window, refused_images, refused_day } = simulator.world.stats();
    const charged = simulator.ledger().reduce((sum, charge) => sum + charge.images, 0);
    return {
      wanted,
      lost: wanted - delivered,
      extra: charged - delivered,
      makespan,
      refusals: ((refused_slots + refused_window + refused_images + refused_day) * 100) / wanted,
      polls: polls / wanted,
    };
  });
};
