// What a row demands, each demand for itself. The native twin is demands.rs.

/** How long a message is kept by the core, in characters; behind that nothing is looked for. */
const KEPT = 280;

const isBetween = ([least, most], number) => least <= number && number <= most;
const texts = (value) => [value].flat();
const isSame = (one, other) => one?.length === other.length && one.every((byte, at) => byte === other[at]);
const outcomes = {
  any: () => true,
  error: ({ error }) => error !== undefined,
  report: ({ report }) => report !== undefined,
  image: ({ bytes }, picture) => bytes?.every((one) => isSame(one, picture)) ?? false,
  url: ({ result }) => result?.images.every(({ url }) => url !== undefined) ?? false,
};

/** Where a handle on what happened may stand. */
const said = ({ error, report, result }) =>
  error
    ? [error.message, error.taskId, JSON.stringify(error.ref)].join("\n")
    : (report?.advice ?? JSON.stringify(result.images));

/** Every text in an answer's tree. */
const textsIn = (value) =>
  typeof value === "string" ? [value] : value && typeof value === "object" ? Object.values(value).flatMap(textsIn) : [];

/** Where the provider's message had line ends, the words before and behind are still two. */
const areApart = (row, { error }) => {
  const message = error.message.split(/\s+/).join(" ");
  let [ends, apart] = [0, true];
  for (const text of row.exchange.flatMap(({ body }) => textsIn(body))) {
    const lines = text
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter(Boolean);
    for (const [at, behind] of lines.slice(1).entries()) {
      ends++;
      const pair = `${lines[at].split(/\s+/).at(-1)} ${behind.split(/\s+/)[0]}`;
      if (text.indexOf(behind) < KEPT && !message.includes(pair)) apart = false;
    }
  }
  if (ends === 0) throw new Error(`${row.id}: no message of it has a line end`);
  return apart;
};

const demands = {
  code: (wanted, { error, report }) => wanted.includes((error ?? report)?.code),
  not_code: (wanted, { error, report }) => Boolean((error ?? report)?.code) && !wanted.includes((error ?? report).code),
  billed: (wanted, { error }) => wanted.includes(error?.billed),
  mentions: (wanted, played) => texts(wanted).every((word) => said(played).includes(word)),
  not_mentions: (wanted, { error, report }) =>
    Boolean(error ?? report) && !texts(wanted).some((word) => (error?.message ?? report.advice).includes(word)),
  categories: (wanted, { error }) => [...(error?.categories ?? [])].sort().join() === [...wanted].sort().join(),
  param: (wanted, { error }) => texts(wanted).includes(error?.param),
  request_id: (wanted, { error, report, result }) => texts(wanted).includes((error ?? report ?? result).requestId),
  warns: (wanted, { result }) => result !== undefined && result.warnings.length > 0 === wanted,
  images: (wanted, { bytes = [] }) => bytes.length === wanted,
  submits: (wanted, { posts }) => (Array.isArray(wanted) ? isBetween(wanted, posts.length) : posts.length === wanted),
  within_ms: (wanted, { endedAt }) => endedAt <= wanted,
  one_key: (_, { posts }) => Boolean(posts[0]?.key) && posts.every(({ key }) => key === posts[0].key),
  gap_ms: (wanted, { posts, firstAnswer }) => posts.length > 1 && isBetween(wanted, posts[1].at - firstAnswer),
  words_apart: (_, played, row) => Boolean(played.error) && areApart(row, played),
};

/** The demands of a row that are not met, in the order of their names. */
export const failing = (row, played, picture) => {
  const { outcome } = row.expect;
  const isMet = ([demand, wanted]) => {
    if (demand === "outcome") return outcomes[outcome](played, picture);
    return (outcome === "any" && played.result !== undefined) || demands[demand](wanted, played, row);
  };
  return Object.entries(row.expect)
    .filter((demand) => !isMet(demand))
    .map(([demand]) => demand)
    .sort();
};
