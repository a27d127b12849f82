/** A setting of the simulator that can be switched on and off. */
export interface Switch {
  setting: string;
  name: string;
  /** A share of all, off at 0; a number, off without one; just on and off; or one of a few words, of which one means off. */
  kind: "share" | "number" | "flag" | "word";
  /** What it is switched on with. */
  on: number | string | true;
  /** The word that means off. */
  off?: string;
  /** The words that mean on, each with what it is called. */
  words?: Readonly<Record<string, string>>;
  /** What it does, for who rests on it. */
  help?: string;
}

const share = (setting: string, name: string, on = 0.25, help?: string): Switch => ({
  setting,
  name,
  kind: "share",
  on,
  ...(help && { help }),
});
const number = (setting: string, name: string, on: number, help?: string): Switch => ({
  setting,
  name,
  kind: "number",
  on,
  ...(help && { help }),
});
const flag = (setting: string, name: string): Switch => ({ setting, name, kind: "flag", on: true });
const word = (
  setting: string,
  name: string,
  off: string,
  words: Readonly<Record<string, string>>,
  help: string,
): Switch => ({ setting, name, kind: "word", off, on: Object.keys(words)[0] ?? off, words, help });

/** The switches, by the list of the page that holds them. */
export const groups: Readonly<Record<string, readonly Switch[]>> = {
  limits: [
    number("concurrency", "Cap: tasks at once", 23),
    number("rpm", "Window: submits in it", 10),
    number("ipm", "Window: images in it", 10),
    number("rpd", "Quota of a day", 100),
    flag("queue", "Queue what is too much"),
    flag("hint_slots", "Hint when full, too"),
    flag("name_axis", "Say which limit refused"),
  ],
  errors: [
    share("submit_503", "503 to a submit"),
    share("submit_500", "500 to a submit"),
    share("poll_503", "503 to a poll"),
    share("poll_500", "500 to a poll"),
    share("image_503", "503 to an image"),
  ],
  lost: [
    share("lost_request", "Submits"),
    share("lost_answer", "Answers to submits"),
    share("poll_lost", "Answers to polls"),
  ],
  broken: [
    share("truncated_json", "JSON cut short"),
    share("html_502", "A proxy's HTML 502"),
    share("wrong_content_type", "HTML with status 200"),
    share("deep_json", "Deeply nested JSON", 0.1),
    share("huge_body", "Huge bodies", 0.1),
    share("redirect", "Redirects to elsewhere", 0.1),
  ],
  pictures: [
    share("task_failure", "Tasks that fail", 0.1),
    share("filtered", "Filtered by content", 0.1),
    flag("charge_filtered", "Filtered ones are charged"),
  ],
  relay: [
    share(
      "relay_blanks",
      "Blanks first",
      0.5,
      "Spaces and line ends come before the JSON: they keep a connection open.",
    ),
    share(
      "relay_second_document",
      "A second document",
      0.5,
      "After a whole answer comes another one, about the relay's own trouble.",
    ),
    share("relay_stream", "Unasked stream", 0.5, "The answer to a submit comes as server-sent events instead of JSON."),
    share(
      "relay_early_status",
      "Says 200 too soon",
      0.5,
      "It answers 200 before it knows better; a refusal or a failure then stands in the body alone.",
    ),
    share(
      "relay_failure",
      "Loses the answer",
      0.25,
      "The provider draws and charges; the relay loses its answer and says 500 in its own name.",
    ),
    share(
      "relay_task",
      "A task for an answer",
      0.5,
      "Of OpenAI's kind only: a submit is answered with a task of the relay's own, which has to be asked after.",
    ),
    share("relay_raw", "The bare picture", 0.5, "Of OpenAI only: the bytes of the image come instead of JSON."),
    share("relay_surplus", "One picture too many", 0.5, "It sends one image more than the provider made."),
    word(
      "relay_base64",
      "Odd base64",
      "standard",
      { mixed: "all kinds", "url-safe": "for URLs", unpadded: "unpadded", lines: "in lines", "data-url": "data URL" },
      "Of OpenAI only: how the bytes of an image are written.",
    ),
    word(
      "relay_pictures",
      "Pictures at the relay",
      "provider",
      { relative: "by path", absolute: "whole address" },
      "Answers name pictures at the relay's own address: by a path alone, or with scheme and port.",
    ),
    word(
      "relay_errors",
      "Errors in other words",
      "provider",
      {
        mixed: "all kinds",
        litellm: "LiteLLM",
        "one-api": "one-api",
        nested: "JSON in text",
        list: "in a list",
        detail: "FastAPI",
      },
      "It wraps what the provider says of a refusal or a failure in an envelope of its own.",
    ),
  ],
  cdn: [
    share(
      "cdn_unreached",
      "Provider not reached",
      0.25,
      "521, 522, 523 or 530: the provider never hears of the request.",
    ),
    share(
      "cdn_challenge",
      "Takes us for a robot",
      0.1,
      "403 with a page for a browser: the provider never hears of it.",
    ),
    share("cdn_1015", "Has a limit of its own", 0.25, "429 for error 1015: the provider never hears of it."),
    share(
      "cdn_520",
      "Can't read the answer",
      0.25,
      "520: the provider has drawn and charged, its answer is thrown away.",
    ),
    share("cdn_524", "Gives up too soon", 0.25, "524: the provider has drawn and charged, its answer is thrown away."),
    number(
      "cdn_timeout_ms",
      "Waits at most, ms",
      3000,
      "After this long it says 524; the provider goes on and charges.",
    ),
    share("gateway_502", "502 of a balancer", 0.25, "An HTML page; the provider's answer is thrown away."),
    share("gateway_503", "503 of a balancer", 0.25, "An HTML page; the provider never hears of the request."),
    share("gateway_504", "504 of a balancer", 0.25, "An HTML page; the provider's answer is thrown away."),
    share("gateway_460", "460 of a balancer", 0.25, "No body at all; the provider's answer is thrown away."),
    share("gateway_499", "499 of a balancer", 0.25, "No body at all; the provider's answer is thrown away."),
    number("store_late_ms", "Pictures come late, ms", 3000, "For so long after its end a task's picture answers 404."),
  ],
};

export const switches: readonly Switch[] = Object.values(groups).flat();
