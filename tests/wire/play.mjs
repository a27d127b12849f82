// Plays a row: the built package against its exchange, in virtual time. The native twin is play.rs.
import { tidegate } from "../../pkg-template/test/images-api.mjs";
import { inVirtualTime } from "../../pkg-template/test/virtual.mjs";
import { fill } from "./rows.mjs";

/** How long an answer takes at least, ms. */
const QUICK = 20;
/** Answers of these statuses have no body. */
const BODILESS = [101, 103, 204, 205, 304];

/** The answer of an entry, now. */
const response = ({ status, headers = {}, body, raw = "", cut }, picture) => {
  const filled = new Headers(Object.entries(headers).map(([name, value]) => [name, fill(value, picture)]));
  let bytes = Buffer.from(fill(raw, picture));
  if (body === "<png>") bytes = picture;
  else if (body !== undefined) {
    if (!filled.has("content-type")) filled.set("content-type", "application/json");
    bytes = Buffer.from(fill(JSON.stringify(body), picture));
  }
  if (BODILESS.includes(status)) return new Response(null, { status, headers: filled });
  let isSent = bytes.length === 0;
  const pull = (controller) => {
    if (!isSent) controller.enqueue(new Uint8Array(bytes));
    // What comes before an error has to be read first, for an error drops what waits.
    else if (cut) controller.error(new TypeError("terminated"));
    else controller.close();
    isSent = true;
  };
  return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }), { status, headers: filled });
};

/** What a host's fetch throws. */
const failure = ({ message, cause, name, ...fields }) => {
  const inner = cause && Object.assign(new Error(cause.message ?? ""), cause);
  const error = Object.assign(new TypeError(message, inner && { cause: inner }), fields);
  return name ? Object.defineProperty(error, "name", { value: name }) : error;
};

/** The other side of a row, as a fetch. */
const createExchange = (row, picture, baseURL) => {
  const groups = new Map();
  const posts = [];
  const exchange = { posts, firstAnswer: undefined };
  /** The entry whose turn it is: of those for this kind of request and this address, else for this kind, else for any. */
  const next = (kind, url, now) => {
    const fitting = (when, hasAt) =>
      row.exchange.filter((e) => e.when === when && Boolean(e.at) === hasAt && (!hasAt || url.includes(e.at)));
    const ways = [fitting(kind, true), fitting(kind, false), fitting("any", true), fitting("any", false)];
    const entries = ways.find(({ length }) => length > 0);
    if (!entries) return undefined;
    const [name, last] = [`${entries[0].when} ${entries[0].at ?? ""}`, entries.length - 1];
    const group = groups.get(name) ?? { first: now, next: 0 };
    groups.set(name, group);
    while (group.next < last && now >= group.first + (entries[group.next].for_ms ?? Infinity)) group.next++;
    const entry = entries[group.next];
    if (entry.for_ms === undefined) group.next = Math.min(last, group.next + 1);
    return entry;
  };
  exchange.fetch = async (clock, input, init = {}) => {
    const { method = "GET", signal } = init;
    const headers = new Headers(init.headers);
    if (headers.has("authorization") && new URL(input).origin !== new URL(baseURL).origin)
      exchange.defect = new Error(`${row.id}: a key on its way to ${input}`);
    // What an answer named is fetched without a credential.
    const kind = method === "POST" ? "submit" : headers.has("authorization") ? "poll" : "image";
    const sequence =
      kind === "submit" && posts.push({ at: clock.now, key: headers.get("idempotency-key") ?? undefined });
    const entry = next(kind, String(input), clock.now) ?? { status: 404 };
    const aborted = new Promise((_, reject) =>
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true }),
    );
    aborted.catch(() => {});
    await Promise.race([clock.sleep(Math.max(QUICK, entry.delay_ms ?? 0)), aborted]);
    if (sequence === 1) exchange.firstAnswer = clock.now;
    if (entry.fails) throw failure(entry.fails);
    return response(entry, picture);
  };
  return exchange;
};

const call = async (client, row, picture) => {
  if (row.call === "check") return { report: await client.check() };
  if (row.call !== "generate") throw new Error(`a call that this runner doesn't make: ${row.call}`);
  const { images, ...fields } = row.request;
  const request = images ? { ...fields, images: images.map(() => picture) } : fields;
  const result = await client.generate(request, { download: true });
  const bytes = [];
  // A picture that is handed over by its address alone has none.
  for (const image of result.images)
    bytes.push(await image.bytes().catch((error) => (image.url ? undefined : Promise.reject(error))));
  return { result, bytes };
};

/** What came of a row in that dialect with that picture. */
export const play = (row, dialect, picture) => {
  const usual = dialect === "hiapi" ? "https://relay.example" : "https://relay.example/v1";
  const baseURL = row.base_url ?? usual;
  const exchange = createExchange(row, picture, baseURL);
  return inVirtualTime(async (clock) => {
    const provider = tidegate[dialect]({ apiKey: "sk-made-up", baseURL });
    const client = tidegate.createClient({ providers: provider, testing: { seed: 1 }, logLevel: "off" });
    try {
      return { ...(await call(client, row, picture)), ...exchange, endedAt: clock.now };
    } catch (error) {
      if (!tidegate.ImageError.is(error)) throw error;
      return { error, ...exchange, endedAt: clock.now };
    } finally {
      await client.close();
      if (exchange.defect) throw exchange.defect;
    }
  }, exchange.fetch);
};
