// Who is compared. Each makes, for one client, the pictures that its parties ask for (the peers know one party: `count` pictures from `first` on), calls
// `done` for each that is there, and resolves when none is left to wait for. `k` is how many at once its user has configured; `seed` is of tidegate's dice.
import Bottleneck from "bottleneck";
import OpenAI from "openai";
import pLimit from "p-limit";
import PQueue from "p-queue";
import pRetry from "p-retry";
import { createClient, hiapi, openai } from "tidegate";
import { sleep } from "./time.mjs";
import { draw, heed, isTransient, result, submit } from "./provider.mjs";

/** What goes wrong ends that one picture. */
const each = (count, done, make) =>
  Promise.all(
    Array.from({ length: count }, (_, index) =>
      make(index).then(
        () => done(),
        () => {},
      ),
    ),
  );

/** One picture by hand, tried as `again` does. */
const picture = async ({ synchronous }, fetch, index, again) => {
  if (synchronous) return again(() => draw(fetch, index));
  return result(fetch, await again(() => submit(fetch, index)));
};

const retrying = (retries) => (attempt) =>
  pRetry(attempt, {
    retries,
    randomize: true,
    onFailedAttempt: ({ error }) => heed(error),
    shouldRetry: ({ error }) => isTransient(error),
  });

/** Told the limits that `choose` makes of the cell and of k. */
const tidegate =
  (choose) =>
  async ({ cell, k, parties, visits, seed, simulator, done }) => {
    const testing = { ...simulator.options.testing, seed };
    const provider = (cell.synchronous ? openai : hiapi)({ apiKey: "sk-0", limits: choose(cell, k) });
    const client = createClient({ providers: provider, fetch: simulator.fetch, testing, logLevel: "off" });
    // Calls of their own, as in the native bench: a batch has only 256 in hand at a time, and would draw their keys at other times.
    const make = (index, options) => {
      const request = { model: "gpt-image-2", prompt: `picture ${index}`, size: "64x64" };
      return client.generate(request, { maxWait: Infinity, ...options }).then(
        () => done(),
        () => {},
      );
    };
    const priority = cell.interactive ? "interactive" : "batch";
    const all = parties.flatMap(({ first, count, ...options }) =>
      Array.from({ length: count }, (_, place) => make(first + place, { priority, ...options })),
    );
    const person = visits.map(async ({ at, index }) => {
      await sleep(at);
      return make(index);
    });
    await Promise.all([...all, ...person]);
    await client.close();
  };

export const peers = {
  /** As the native bench has it: told what the cell says, which is mostly nothing. */
  tidegate: tidegate(({ limits }) => limits),
  "tidegate, told": tidegate((_, k) => ({ concurrency: k })),

  "p-limit + p-retry": ({ cell, k, parties: [{ first, count }], simulator, done }) => {
    const limit = pLimit(k);
    return each(count, done, (index) => limit(() => picture(cell, simulator.fetch, first + index, retrying(5))));
  },

  "p-queue + p-retry": ({ cell, k, parties: [{ first, count }], simulator, done }) => {
    const queue = new PQueue({ concurrency: k });
    // As many tries as p-retry makes unless it is told a number.
    return each(count, done, (index) => queue.add(() => picture(cell, simulator.fetch, first + index, retrying(10))));
  },

  Bottleneck: ({ cell, k, parties: [{ first, count }], simulator: { fetch }, done }) => {
    const limiter = new Bottleneck({ maxConcurrent: k });
    limiter.on("failed", (error, { retryCount }) => {
      if (retryCount >= 5 || !isTransient(error)) return undefined;
      return error.retryAfter || Math.random() * Math.min(30_000, 1_000 * 2 ** retryCount);
    });
    const tasks = new Map();
    return each(count, done, (index) =>
      limiter.schedule(() =>
        // What has been submitted once is gone on with.
        picture(cell, fetch, first + index, async (attempt) => {
          if (!tasks.has(index)) tasks.set(index, await attempt());
          return tasks.get(index);
        }),
      ),
    );
  },

  // It knows no tasks: it is given the same provider with pictures for answers, and no polls.
  "openai + p-limit": ({ k, parties: [{ first, count }], simulator, done }) => {
    const client = new OpenAI({ apiKey: "sk-0", fetch: simulator.fetch, maxRetries: 5 });
    const limit = pLimit(k);
    const request = (index) => ({ model: "gpt-image-2", prompt: `picture ${first + index}`, size: "64x64" });
    return each(count, done, (index) => limit(() => client.images.generate(request(index))));
  },
};
