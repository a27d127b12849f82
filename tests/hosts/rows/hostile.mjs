// The hostile provider as a row of any host: what the program must find there, and what the provider must have been sent.
import { startHostileProvider } from "../hostile-provider.mjs";
import { listen } from "../pages.mjs";

/** The fetch of runtimes: they have no origin, so that there is no other one. */
export const FETCH_OF_RUNTIMES = { hasCors: false, missesLastChunk: true, tellsConnection: true };
export const FETCH_OF_WORKERS = { ...FETCH_OF_RUNTIMES, tellsConnection: false };
export const FETCH_OF_BROWSERS = { hasCors: true, missesLastChunk: true, tellsConnection: false };

/**
 * @param {string} name the host's
 * @param {string} group the row's
 * @param {(context, programName: string) => Promise<object>} runIn runs a program in the host with `context.input`
 * @param {{ hasCors: boolean, missesLastChunk: boolean, tellsConnection: boolean }} fetch where fetches differ: whether it keeps the rules of
 *   cross-origin requests, misses the last chunk of a body that was broken off, and tells when no connection was made
 */
export const hostileRow = (name, group, runIn, fetch) => ({
  name: `${name}, hostile answers${fetch.hasCors ? "" : " (no CORS)"}${fetch.missesLastChunk ? "" : " (a missing last chunk goes unnoticed)"}`,
  group,
  async run(context) {
    const provider = await startHostileProvider();
    context.atEnd(provider.close);
    const closed = await listen(() => {});
    closed.close();
    const { apiKey } = context.input;
    const addresses = { provider: provider.url, elsewhere: provider.elsewhere, closed: closed.url };
    context.input = { apiKey, ...addresses, fetch };
    const outcome = await runIn(context, "hostile.mjs");
    return {
      ...outcome,
      summary: `${outcome.cases.length} cases ended as they must`,
      wrong: wrongIn(provider, fetch),
    };
  },
  check({ version, cases, wrong }) {
    if (!version) throw new Error("the row names no version of its host");
    if (wrong.length > 0) throw new Error(`${wrong.join("\n")}\n${cases.join("\n")}`);
  },
});

const idempotencyKey = ({ headers }) => headers["idempotency-key"];

/** What the provider saw and must not have seen. */
function wrongIn({ requests, stolen, times }, { hasCors }) {
  const wrong = [];
  const expect = (name, found, wanted) => {
    if (found !== wanted) wrong.push(`${name}: ${found}, not ${wanted}`);
  };
  const keyed = (list) => list.filter(({ headers }) => headers?.authorization || headers?.["idempotency-key"]).length;
  // The image's redirect alone may be followed: no key goes with it.
  expect("requests at the other origin", stolen.length, 1);
  expect("of these with a key", keyed(stolen), 0);
  expect("requests for images with a key", keyed(requests.filter(({ step }) => step === "image")), 0);
  const submits = requests.filter(({ step }) => step === "submit");
  for (const behaviour of new Set(submits.map((submit) => submit.behaviour))) {
    const keys = submits.filter((submit) => submit.behaviour === behaviour).map(idempotencyKey);
    expect(`tasks of ${behaviour}`, new Set(keys).size, 1);
    // Chromium and Deno send again by themselves what a connection that had been used before did not answer; the key makes that one task.
    if (behaviour !== "submit-dropped") expect(`submits of ${behaviour}`, keys.length, 1);
  }
  expect("requests of what was aborted before", times("good", "submit") + times("good", "preflight"), 0);
  expect("submits without leave", times("no-cors", "submit"), hasCors ? 0 : 1);
  const everyRequest = requests.filter(({ step }) => step === "submit" || step === "poll");
  expect("submits and polls without a key", everyRequest.length - keyed(everyRequest), 0);
  return wrong;
}
