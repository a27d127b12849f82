// The program of bad answers and bad moments: each must end as the error that tells the truth, soon, in every host.

/** The longest that a case may take, in milliseconds. Every wait in it is much shorter. */
const LIMIT = 30_000;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * @param input `{ apiKey, provider, elsewhere, closed, fetch: { hasCors, missesLastChunk, tellsConnection } }`: the hostile provider's addresses, one where
 *   nobody listens, and whether this host's fetch keeps the rules of cross-origin requests, notices a chunked body that was broken off, and tells when no connection was made
 * @returns the cases with how each ended; rejects when one ended otherwise
 */
export default async function hostile(tidegate, input) {
  const cases = casesFor(input.fetch);
  const told = await Promise.all(Object.entries(cases).map(([name, one]) => judge(tidegate, input, name, one)));
  const wrong = told.filter(({ problem }) => problem).map(({ name, problem }) => `${name}: ${problem}`);
  if (wrong.length > 0) throw new Error(`${wrong.length} of ${told.length} ended otherwise\n${wrong.join("\n")}`);
  return { cases: told.map(({ name, end }) => `${name}: ${end}`) };
}

/** By name: how the provider behaves, options of the call, when to abort and what is pending then, and how it must end: "picture", "CLASS CODE BILLED", or the signal's own reason. */
function casesFor({ hasCors, missesLastChunk, tellsConnection }) {
  const none = { maxRetries: 0 };
  const LOST = "UnknownOutcomeError unknown-outcome unknown";
  // Browsers and Workers don't tell a submit that never left from one whose answer was lost.
  const UNSENT = tellsConnection ? "ProviderUnavailableError network no" : LOST;
  return {
    "no network": { at: ({ closed }) => closed, retry: none, ends: UNSENT },
    "no such name": {
      at: () => "https://provider.invalid",
      retry: none,
      ends: UNSENT,
    },
    "CORS refused": {
      behaviour: "no-cors",
      retry: none,
      ends: hasCors ? LOST : "picture",
    },
    "answer to a submit never comes": {
      behaviour: "submit-held",
      timeout: 500,
      retry: none,
      ends: LOST,
    },
    "connection dropped at a submit": {
      behaviour: "submit-dropped",
      retry: none,
      ends: LOST,
    },
    "connection dropped at a poll": { behaviour: "poll-dropped", ends: "picture" },
    "answer to a submit cut short": {
      behaviour: "submit-cut",
      retry: none,
      ends: LOST,
    },
    "answer to a submit cut short, in chunks": {
      behaviour: "submit-cut-chunks",
      retry: none,
      ends: LOST,
    },
    "answer to a submit without end": {
      behaviour: "submit-endless",
      retry: none,
      ends: LOST,
    },
    "answer to a poll cut short": { behaviour: "poll-cut", ends: "picture" },
    "image cut short": { behaviour: "image-cut", retry: none, ends: "TaskFailedError protocol yes" },
    "image cut short, in chunks": {
      behaviour: "image-cut-chunks",
      retry: none,
      ends: missesLastChunk ? "TaskFailedError protocol yes" : "picture",
    },
    ...Object.fromEntries(
      [301, 302, 303, 307, 308].map((status) => [
        `submit redirected by ${status}`,
        { behaviour: `submit-${status}`, ends: "TaskFailedError protocol no" },
      ]),
    ),
    "poll redirected": { behaviour: "poll-redirected", ends: "picture" },
    "image redirected": { behaviour: "image-redirected", ends: "picture" },
    "aborted before it is sent": { behaviour: "good", abort: "at once", pending: 0, ends: "the reason" },
    "aborted while a submit waits": {
      behaviour: "submit-held-until-aborted",
      abort: "submit",
      pending: 1,
      ends: "the reason",
    },
    "aborted between polls": { behaviour: "poll-running", abort: "poll", pending: 1, ends: "the reason" },
    "aborted while the image comes": { behaviour: "image-held", abort: "image", pending: 1, ends: "the reason" },
  };
}

async function judge(tidegate, input, name, one) {
  const begun = Date.now();
  let timer;
  const limit = new Promise((resolve) => (timer = setTimeout(resolve, LIMIT, `nothing within ${LIMIT / 1000} s`)));
  const end = await Promise.race([endOf(tidegate, input, one), limit]);
  clearTimeout(timer);
  return { name, end: `${end} (${Date.now() - begun} ms)`, problem: end === one.ends ? "" : `${end}, not ${one.ends}` };
}

/** As `ends` of a case says it. */
async function endOf(tidegate, input, { at, behaviour, abort, pending, ends: _, ...options }) {
  const { createClient, hiapi, ImageError } = tidegate;
  const baseURL = at ? at(input) : `${input.provider}/${behaviour}`;
  const client = createClient({
    providers: hiapi({ apiKey: input.apiKey, baseURL }),
    dangerouslyAllowBrowser: true,
    logLevel: "off",
  });
  const controller = new AbortController();
  const reason = new Error("the caller has gone");
  if (abort === "at once") controller.abort(reason);
  try {
    const request = { model: "gpt-image-2", prompt: "a tide gate in bad weather" };
    const task = client.generate(request, { ...options, signal: controller.signal, download: true });
    if (abort && abort !== "at once")
      abortOnceSeen(input, behaviour, abort, () => controller.abort(reason)).catch(() => {});
    const { image } = await task;
    const bytes = await image.bytes();
    return bytes[1] === 0x50 && image.width === 512 ? "picture" : "bytes that are no picture";
  } catch (error) {
    if (error === reason)
      return (await comesToHave(client, pending)) ? "the reason" : `the reason, and not ${pending} pending`;
    if (!ImageError.is(error)) return `an error of no class: ${error}`;
    const [name] = Object.entries(tidegate).find(([, value]) => value === error.constructor) ?? ["unknown class"];
    return `${name} ${error.code} ${error.billed}`;
  } finally {
    await client.close();
  }
}

/** Whether so many tasks are written down, at the latest soon: what was sent stays findable, what was not leaves nothing. */
async function comesToHave(client, count) {
  for (let turn = 0; turn < 100; turn++, await sleep(20)) {
    if ((await client.pending()).length === count) return true;
  }
  return false;
}

/** Aborts once the provider has been asked for a step. */
async function abortOnceSeen({ elsewhere }, behaviour, step, abort) {
  for (let turn = 0; turn < LIMIT / 50; turn++, await sleep(50)) {
    const response = await fetch(`${elsewhere}/seen/${behaviour}/${step}`);
    if ((await response.json()) > 0) return abort();
  }
}
