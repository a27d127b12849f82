// A provider that answers as no provider should: by the first part of a request's path it knows how. It notes all that it is sent.
import { listen } from "./pages.mjs";

const OPEN = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET, POST",
  "access-control-allow-headers": "authorization, content-type, idempotency-key",
};

/** Enough of a PNG to be told for one. */
const PICTURE = Buffer.alloc(4096);
PICTURE.set([
  0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52, 0, 0, 2, 0, 0, 0, 2, 0,
]);

const json = (response, value) => {
  response.writeHead(200, { ...OPEN, "content-type": "application/json" }).end(JSON.stringify(value));
};
const done = (response, data) => json(response, { code: 200, message: "success", data });

/** What a provider does when it is well. */
const GOOD = {
  submit: (response) => done(response, { taskId: "t1" }),
  poll: (response, { image }) =>
    done(response, { taskId: "t1", status: "success", output: [{ type: "image", url: image }] }),
  image: (response) => response.writeHead(200, { ...OPEN, "content-type": "image/png" }).end(PICTURE),
};

// Each is one step of `GOOD` done badly: `(response, { image, elsewhere, count })`, of which `count` is how often it has been done before.
const drop = (response) => response.destroy();
const hold = () => {};
const redirect =
  (status) =>
  (response, { elsewhere }) =>
    response.writeHead(status, { ...OPEN, location: `${elsewhere}/stolen` }).end();
/** Announces more than it sends, or by chunks of which no last one comes. */
const cut = (length, type) => (response) => {
  response.writeHead(200, { ...OPEN, "content-type": type, ...(length && { "content-length": length }) });
  response.write(type === "image/png" ? PICTURE.subarray(0, 1000) : '{"code":200,"message":"success","da', () =>
    // A moment later, so that the host has the head and a part of the body.
    setTimeout(() => response.destroy(), 50),
  );
};
const endless = (response) => {
  response.writeHead(200, { ...OPEN, "content-type": "application/json" });
  const more = () => {
    while (!response.destroyed && response.write(" ".repeat(1 << 16)));
  };
  response.on("drain", more);
  more();
};
const half = (response) => {
  response.writeHead(200, { ...OPEN, "content-type": "image/png", "content-length": PICTURE.length });
  response.write(PICTURE.subarray(0, 1000));
};
const running = (response) => done(response, { taskId: "t1", status: "handling" });
const twice = (bad, good) => (response, about) => (about.count < 2 ? bad : good)(response, about);

const JSON_TYPE = "application/json";
const BEHAVIOURS = {
  good: {},
  "no-cors": { closed: true },
  "submit-dropped": { submit: drop },
  "submit-held": { submit: hold },
  "submit-held-until-aborted": { submit: hold },
  "submit-cut": { submit: cut(1000, JSON_TYPE) },
  "submit-cut-chunks": { submit: cut(undefined, JSON_TYPE) },
  "submit-endless": { submit: endless },
  "poll-running": { poll: running },
  "poll-dropped": { poll: twice(drop, GOOD.poll) },
  "poll-redirected": { poll: twice(redirect(307), GOOD.poll) },
  "poll-cut": { poll: twice(cut(1000, JSON_TYPE), GOOD.poll) },
  "image-held": { image: half },
  "image-redirected": { image: redirect(302) },
  "image-cut": { image: cut(PICTURE.length, "image/png") },
  "image-cut-chunks": { image: cut(undefined, "image/png") },
  ...Object.fromEntries([301, 302, 303, 307, 308].map((status) => [`submit-${status}`, { submit: redirect(status) }])),
};

/**
 * Two servers, of two origins: `url`, to which a behaviour's name is added to be treated so, and `elsewhere`, where redirects lead and where
 * `/seen/BEHAVIOUR/STEP` tells a host how often the first was asked for a step. `requests` are all that came, `stolen` those that came elsewhere.
 */
export async function startHostileProvider() {
  const requests = [];
  const stolen = [];
  const times = (behaviour, step) =>
    requests.filter((request) => request.behaviour === behaviour && request.step === step).length;

  const elsewhere = await listen((request, response) => {
    const [, what, behaviour, step] = request.url.split("/");
    if (what === "seen") return json(response, times(behaviour, step));
    stolen.push({ method: request.method, headers: request.headers });
    GOOD.image(response);
  });
  const provider = await listen((request, response) => {
    const [, behaviour, ...rest] = request.url.split("/");
    const { closed, ...steps } = BEHAVIOURS[behaviour];
    if (request.method === "OPTIONS" || closed) {
      // A preflight; or, without its leave, whatever a host without such a rule sends.
      requests.push({ behaviour, step: request.method === "OPTIONS" ? "preflight" : "closed" });
      if (request.method === "OPTIONS") return response.writeHead(204, closed ? {} : OPEN).end();
    }
    const step = rest[0] === "image.png" ? "image" : request.method === "POST" ? "submit" : "poll";
    const about = {
      elsewhere: elsewhere.url,
      image: `${provider.url}/${behaviour}/image.png`,
      count: times(behaviour, step),
    };
    requests.push({ behaviour, step, headers: request.headers });
    (steps[step] ?? GOOD[step])(response, about);
  });
  return {
    url: provider.url,
    elsewhere: elsewhere.url,
    requests,
    stolen,
    times,
    close() {
      provider.close();
      elsewhere.close();
    },
  };
}
