// What became of the faults: as a page for people, and as rows of the corpus.

/** The answer's JSON, or its text. */
const parsed = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
/** Picture data left out, which only its length would tell apart. */
const withoutPictures = (text) => text.replaceAll(/"b64_json":"[^"]{100,}"/g, '"b64_json":"<png>"');
/** Ids and times of one run alone, and the addresses of its machine, replaced by made-up ones. */
const withoutIds = (text) =>
  text
    .replaceAll(/"created":\d+/g, '"created":1')
    .replaceAll(/\b[0-9a-f]{64}\b/g, "deployment-1")
    .replaceAll(/req_[A-Z0-9]{20,}/g, "req_1")
    .replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, "http://upstream.example");

/** An answer of the relay as an entry of a row's exchange. */
const entryOf = ({ status, headers, body, fails, ms }) => {
  if (fails) return { when: "submit", fails };
  const kept = {};
  for (const name of ["retry-after", "retry-after-ms"]) if (headers[name]) kept[name] = headers[name];
  if (headers["x-litellm-call-id"]) kept["x-litellm-call-id"] = "call-1";
  const text = withoutIds(withoutPictures(body));
  const json = parsed(text);
  if (json === undefined) kept["content-type"] = headers["content-type"];
  return {
    when: "submit",
    status,
    ...(Object.keys(kept).length > 0 && { headers: kept }),
    ...(json === undefined ? { raw: text } : { body: json }),
    ...(ms >= 1_000 && { delay_ms: Math.round(ms / 100) * 100 }),
  };
};

/** A fault and what the relay made of it as a row of the corpus; see tests/wire/README.md. */
export function caseOf(fault, { answers }) {
  const id = `litellm ${fault.name}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  const { n, size } = fault.request;
  return {
    id,
    class: fault.class,
    why: fault.why,
    dialect: "openaiCompatible",
    call: "generate",
    request: {
      model: "gpt-image-2",
      prompt: "a red apple",
      ...(n && { n }),
      ...(size && { size }),
      ...(fault.edit && { images: ["photo"] }),
    },
    // A fault that lasts answers alike each time.
    exchange: fault.expect.outcome === "image" ? answers.map(entryOf) : [entryOf(answers[0])],
    expect: fault.expect,
  };
}

const cell = (text) => String(text).replaceAll("|", "\\|").replaceAll(/\s+/g, " ").trim();
const shortened = (text, most = 160) => (text.length > most ? `${text.slice(0, most)}…` : text);
const quoted = (text) => `\`${shortened(text.replaceAll("`", "'").replaceAll(/\s+/g, " "))}\``;

const upstreamSaid = (upstream) => {
  if (upstream.length === 0) return "was not asked";
  const [{ status, body }] = upstream;
  const error = parsed(body)?.error;
  if (error) return `${status} ${error.code ?? error.type}`;
  if (typeof status === "string") return `${status}: ${body}`;
  return parsed(body)?.data ? `${status}, an image` : `${status}, ${quoted(shortened(withoutPictures(body), 60))}`;
};

const relaySaid = ({ status, body, fails, headers, ms }) => {
  if (fails) return `no connection (${fails.cause.code})`;
  const error = parsed(body)?.error;
  const hint = headers["retry-after"] ? `, retry-after ${headers["retry-after"]}` : "";
  const words = error ? ` type ${error.type}, code ${error.code}: ${quoted(withoutIds(error.message))}` : ", an image";
  return `after ${(ms / 1000).toFixed(1)} s ${status}${hint}${words}`;
};

const tidegateSaid = ({ error, result, answers, ms }) => {
  const requests = answers.length === 1 ? "1 request" : `${answers.length} requests`;
  const attempts = (error ?? result).attempts.map(({ outcome }) => outcome);
  const outcome = error
    ? `${error.code}, billed ${error.billed}`
    : `${result.images.length === 1 ? "an image" : `${result.images.length} images`}`;
  return `${outcome}; ${requests} in ${(ms / 1000).toFixed(0)} s (${attempts.join(", ") || "none"})`;
};

const orders = ({ upstream, charges }) => `${upstream.length} (${charges})`;

/** The page: a table of what each fault became. */
export function pageOf(rows, version) {
  const lines = rows.map(({ fault, came, once, wrong }) =>
    [
      fault.name,
      upstreamSaid(came.upstream),
      came.answers
        .slice(0, fault.expect.outcome === "image" ? 2 : 1)
        .map(relaySaid)
        .join("; then "),
      tidegateSaid(came),
      orders(came),
      once ? orders(once) : "",
      wrong.length === 0 ? "yes" : `no: ${wrong.join(", ")}`,
    ].map(cell),
  );
  const header = [
    "behind the relay",
    "the upstream said",
    "the relay made of it",
    "tidegate made of that",
    "POSTs upstream (charged)",
    "with the router's tries off",
    "right",
  ];
  const table = [header, header.map(() => "---"), ...lines].map((columns) => `| ${columns.join(" | ")} |`).join("\n");
  return `# What a fault becomes behind a relay

Measured by \`cargo xtask relays\` with LiteLLM ${version}: the built package, LiteLLM's proxy and the simulator in a row, on one machine. Nothing here is simulated of the relay.

What it shows:

- **The relay buys again by itself.** As most people configure it LiteLLM sends a failed request up to nine times (three tries of its router, each with three of the client within),
  also where the image was drawn and only its answer was lost. No client can see or prevent that from outside. \`router_settings: { num_retries: 0 }\` in the relay, or
  \`headers: { "x-litellm-num-retries": "0" }\` of the provider, leaves out the router's tries. The two of the client within stay: \`max_retries\` is not handed on for models of images.
- **Headers are gone.** \`Retry-After\` and \`x-ratelimit-*\` of a refusal do not come through; when to come back is in the words of the message, if anywhere.
- **Codes are gone.** The status stands in their place, as text; the type is the relay's own for most (\`throttling_error\`, also for spent money; \`invalid_request_error\`, also for its
  own time-out), and the words are the upstream's behind a prefix. The field at fault (\`param\`) comes through.
- **Time is gone.** An upstream that fails at once is told after nine seconds, so that a quick refusal looks like a failure after work; nobody can then say that nothing was billed.

"Right" is what \`tests/wire\` demands: its file \`litellm.jsonl\` has these answers as rows.

${table}
`;
}
