// What goes wrong behind a relay, and what a client should make of it. `expect` is in the words of tests/wire/README.md.

/** Nobody can know whether the image was made: never sent again, and said so. */
const IN_DOUBT = {
  outcome: "error",
  code: ["unknown-outcome", "timeout", "server-error"],
  billed: ["unknown"],
  submits: 1,
};
/** Nothing was made, and the same request would fail again. */
const final = (code, more) => ({ outcome: "error", code: [code], billed: ["no"], submits: 1, ...more });

/**
 * @typedef {object} Fault
 * @property {string} name what goes wrong
 * @property {string} class the class of the corpus that it belongs to
 * @property {string} why why it matters to whoever pays
 * @property {object} [world] settings of the simulator
 * @property {object} [instead] a status, headers and a body in place of the simulator's answer
 * @property {string} [model] the relay's model, by default the one that is configured as most people do
 * @property {object} [request] fields of the request
 * @property {boolean} [edit] whether a picture goes in
 * @property {string} [key] the key that the client shows to the relay
 * @property {"window" | "cooldown"} [prime] what is done first: the upstream's window is used up; the relay's deployments have failed
 * @property {boolean} [down] the relay itself is not there
 * @property {object} expect what a client should make of it
 */

/** @type {Fault[]} */
export const FAULTS = [
  {
    name: "nothing",
    class: "relayed image",
    why: "What works must go on working behind a relay.",
    expect: { outcome: "image", submits: 1 },
  },
  {
    name: "nothing, two images",
    class: "relayed image",
    why: "Both images of one request come through a relay.",
    request: { n: 2 },
    expect: { outcome: "image", images: 2, submits: 1 },
  },
  {
    name: "nothing, an edit",
    class: "relayed image",
    why: "A form with a picture passes through a relay.",
    edit: true,
    expect: { outcome: "image", submits: 1 },
  },
  {
    name: "429 with a hint in words, then room",
    class: "hint in a relayed message",
    why: "The relay's own client doesn't read words, so it gives up soon; they come through, and tell when to come back.",
    world: { rpm: 1, rpm_window_ms: 20_000, hint: "message" },
    prime: "window",
    expect: { outcome: "image", submits: 2, gap_ms: [15_000, 45_000] },
  },
  {
    name: "429 with Retry-After, for good",
    class: "relayed limit",
    why: "The relay waits as it is told, for itself; when it gives up, Retry-After and x-ratelimit-* are gone from its answer.",
    instead: {
      status: 429,
      headers: { "retry-after": "2", "x-ratelimit-limit-requests": "50", "x-ratelimit-remaining-requests": "0" },
      body: {
        error: {
          message:
            "Rate limit reached for gpt-image-2 in organization org-1 on requests per min (RPM): Limit 50, Used 50, Requested 1. Please try again in 2s.",
          type: "requests",
          param: null,
          code: "rate_limit_exceeded",
        },
      },
    },
    expect: { outcome: "error", code: ["rate-limited", "queue-timeout"], billed: ["no"] },
  },
  {
    name: "429, a limit of 0",
    class: "relayed entitlement",
    why: "A limit of nothing at all is a right that the account doesn't have; no wait brings it.",
    world: { rpm: 0, name_axis: true },
    expect: final("permission"),
  },
  {
    name: "429 without a hint, for good",
    class: "relayed limit",
    why: "A limit stays a limit when a relay has renamed its code and its type.",
    world: { concurrency: 0 },
    expect: { outcome: "error", code: ["rate-limited", "queue-timeout"], billed: ["no"] },
  },
  {
    name: "spent money, 429",
    class: "relayed spent money",
    why: "A relay makes a throttling error of spent credit: who believes its type waits for money that no wait brings.",
    world: { credit_micro_usd: 0 },
    expect: final("quota-exhausted"),
  },
  {
    name: "a billing limit, 400",
    class: "relayed spent money",
    why: "The code that told of money is gone, the words are left; the request itself was right.",
    world: { credit_micro_usd: 0, quota_code: "billing_hard_limit_reached" },
    expect: final("quota-exhausted"),
  },
  {
    name: "401, the relay's own key",
    class: "relayed authentication",
    why: "The relay's key to the provider is dead; no request of ours can heal that.",
    model: "bad-key",
    expect: final("authentication"),
  },
  {
    name: "403, the country",
    class: "relayed permission",
    why: "What is forbidden stays forbidden, however often it is asked.",
    instead: {
      status: 403,
      body: {
        error: {
          message: "Country, region, or territory not supported",
          type: "request_forbidden",
          param: null,
          code: "unsupported_country_region_territory",
        },
      },
    },
    expect: final("permission"),
  },
  {
    name: "404, the model",
    class: "relayed missing model",
    why: "The code that named the model is now the status; who reads 404 alone looks for a wrong address.",
    model: "gone",
    expect: final("model-unavailable"),
  },
  {
    name: "a filter, before the work",
    class: "relayed filter verdict",
    why: "The filter's code and its details are gone; type and words still tell what happened, and the same prompt must not go out again.",
    world: { filter_stage: "input" },
    request: { prompt: "a [filtered] lake" },
    // When it struck is told nowhere any more.
    expect: final("content-filtered", { billed: ["no", "unknown"], categories: ["violence"], words_apart: true }),
  },
  {
    name: "a filter, after the work",
    class: "relayed filter verdict",
    why: "A category with a stroke in it is one category, and a hard one.",
    request: { prompt: "a [filtered-hard] lake" },
    expect: final("content-filtered", { billed: ["no", "unknown"], categories: ["sexual/minors"] }),
  },
  {
    name: "a size that is none",
    class: "relayed validation",
    why: "The field at fault comes through and belongs into the error.",
    request: { size: "1000x1000" },
    expect: final("invalid-request", { param: "size" }),
  },
  {
    name: "500, at once",
    class: "relayed server error",
    why: "Behind the relay's own tries seconds have passed and each may have drawn: one more POST is nine more orders.",
    world: { submit_500: 1 },
    expect: IN_DOUBT,
  },
  {
    name: "500, after the work",
    class: "relayed server error",
    why: "The provider had worked before it failed; nobody can know what was billed.",
    world: { task_failure: 1 },
    expect: IN_DOUBT,
  },
  {
    name: "502, a page, after the work",
    class: "relayed page",
    why: "The image was drawn and paid when a proxy lost the answer; the page stands within the relay's message and must not reach a person.",
    world: { html_502: 1 },
    expect: { ...IN_DOUBT, not_mentions: "<html" },
  },
  {
    name: "503, overloaded",
    class: "relayed overload",
    why: "Told at once, this would be a quick refusal; after ten seconds and the relay's own nine tries nobody can say that nothing was drawn.",
    world: { submit_503: 1, hint: "seconds" },
    expect: { ...IN_DOUBT, code: ["unknown-outcome", "overloaded", "server-error"] },
  },
  {
    name: "504",
    class: "relayed gateway time-out",
    why: "A gateway that gave up waiting says nothing about the work.",
    instead: {
      status: 504,
      body: { error: { message: "Gateway timeout", type: "server_error", param: null, code: null } },
    },
    expect: IN_DOUBT,
  },
  {
    name: "slower than the relay waits",
    class: "relay's own time-out",
    why: "The relay calls its own impatience an invalid request, while the provider goes on drawing and bills it.",
    world: { duration: "fixed:8000" },
    model: "impatient",
    expect: IN_DOUBT,
  },
  {
    name: "a cut answer",
    class: "relay can't read the answer",
    why: "The relay lost a paid image and calls that a failure of the connection; sending again buys it again.",
    world: { truncated_json: 1 },
    expect: IN_DOUBT,
  },
  {
    name: "a lost answer",
    class: "relay lost the connection",
    why: "The connection broke behind the relay, after the order: the image is paid.",
    world: { lost_answer: 1 },
    expect: IN_DOUBT,
  },
  {
    name: "200, a page",
    class: "relay can't read the answer",
    why: "The relay stumbles over a page and tells its own programming error; the order had been carried out.",
    world: { wrong_content_type: 1 },
    expect: IN_DOUBT,
  },
  {
    name: "a redirect",
    class: "relay can't read the answer",
    why: "What the relay makes of a redirect reads like what it makes of a lost image, so it is treated alike.",
    world: { redirect: 1 },
    expect: IN_DOUBT,
  },
  {
    name: "a model that the relay doesn't have",
    class: "relay's own missing model",
    why: "The relay refuses a name that it doesn't list; the parameters are right and the model is not.",
    model: "unheard-of",
    expect: final("model-unavailable"),
  },
  {
    name: "a key that the relay doesn't know",
    class: "relay's own authentication",
    why: "Without a database the relay answers a wrong key with 400 and speaks of the database; what is wrong is the key.",
    key: "sk-other",
    expect: final("authentication"),
  },
  {
    name: "the relay's cooldown, then room",
    class: "relay's own cooldown",
    why: "The relay rests its deployments for five seconds and says so in words alone.",
    model: "pool",
    prime: "cooldown",
    expect: { outcome: "image", submits: 2 },
  },
  {
    name: "no relay",
    class: "relay is down",
    why: "Nothing was sent, so nothing was billed.",
    down: true,
    expect: { outcome: "error", code: ["network"], billed: ["no"] },
  },
].map((fault) => ({ model: "gpt-image-2", world: {}, request: {}, key: "sk-relay", ...fault }));
