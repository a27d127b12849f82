// The built package and answers that were made to hurt it: bodies without end, places that lead in circles, addresses of strangers. In virtual time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { base64, createWorld, failure, request, run, tidegate } from "./images-api.mjs";
import { png } from "./virtual.mjs";

const { ImageError, hiapi, openaiCompatible } = tidegate;
const KEY = "sk-a-key-that-must-stay-at-home";
const encode = (text) => new TextEncoder().encode(text);
const MIB = 1 << 20;
/** What may be read of an answer with one image: twice 36 MiB of base64, for a surplus of one, 1 MiB of the rest, and the piece in which that was passed. */
const MOST = 74 * MIB;

/**
 * A body: a beginning, then one piece over and over, so that it takes no memory here. It counts what was read of it.
 *
 * @param size where it ends, if it does
 * @param wait what passes before each piece
 */
const long = (head, piece, { size = Infinity, contentType = "application/json", wait } = {}) => {
  const filling = encode(piece.repeat(Math.ceil(65_536 / piece.length)));
  const body = { read: 0, cancelled: false };
  const stream = new ReadableStream(
    {
      async pull(controller) {
        await wait?.();
        const chunk = body.read === 0 && head !== "" ? encode(head) : filling;
        body.read += chunk.length;
        controller.enqueue(chunk);
        if (body.read >= size) controller.close();
      },
      cancel: () => void (body.cancelled = true),
    },
    { highWaterMark: 0 },
  );
  body.response = new Response(stream, { headers: { "content-type": contentType } });
  return body;
};

const failed = (promise) =>
  promise.then(
    () => assert.fail("it came to an end"),
    (error) => (assert.ok(ImageError.is(error), `${error}`), error),
  );

const SHAPES = {
  blanks: ["", " \n"],
  "an image without an end": ['{"data":[{"b64_json":"iVBORw0KGgo', "AAAA"],
  "a list of numbers": ["[", "0,"],
  depth: ["", "["],
  "objects within objects": ["", '{"a":'],
  "a page": ["<html><body>", "<p>wait</p>"],
  "comments of a stream of events": ["", ": ping\n\n", { contentType: "text/event-stream" }],
  "events of nothing": ["", "data: {}\n\n", { contentType: "text/event-stream" }],
  "one event without an end": ["data: ", "x", { contentType: "text/event-stream" }],
  "a picture without an end": ["\u0089PNG", "\0", { contentType: "image/png" }],
};
/** One image is asked of somebody who answers so. */
const ask = async (...body) => {
  const bodies = [];
  const script = () => {
    bodies.push(long(...body));
    return bodies.at(-1).response;
  };
  const world = createWorld({ script });
  const outcome = await run(world, (client) => client.generate(request).catch((error) => error));
  assert.equal(bodies.length, 1, "what may have been paid is not bought again");
  return { outcome, ...bodies[0] };
};
/** Nobody knows what was billed. Only what begins as a picture may be handed over as one. */
const isInDoubt = (shape, outcome) =>
  ImageError.is(outcome) ? outcome.billed !== "no" : shape.startsWith("a picture") && outcome.images.length === 1;

for (const [shape, [head, piece, options]] of Object.entries(SHAPES)) {
  test(`64 MB of ${shape}, and of the same without an end`, async () => {
    const whole = await ask(head, piece, { ...options, size: 64 * MIB });
    assert.ok(isInDoubt(shape, whole.outcome), `${whole.outcome}`);
    const { outcome, read, cancelled } = await ask(head, piece, options);
    assert.ok(ImageError.is(outcome) && outcome.billed === "unknown", `${outcome}`);
    assert.ok(read <= MOST && cancelled, `${read} bytes were read`);
  });
}

test("a task's answer without an end: a mebibyte is read of each, at the submit and at the polls", async () => {
  const bodies = [];
  const world = createWorld({
    script: ({ path }) => {
      const body = long('{"code":200,"data":{"', "taskId");
      bodies.push([path, body]);
      return body.response;
    },
  });
  const providers = hiapi({ apiKey: KEY });
  await run(world, async (client) => assert.equal((await failed(client.generate(request))).billed, "unknown"), {
    providers,
  });
  assert.ok(bodies.length >= 1);
  for (const [, { read, cancelled }] of bodies) assert.ok(read <= 1.2 * MIB && cancelled, `${read} bytes`);
});

const WAITS = { stalls: () => new Promise(() => {}), trickles: (clock) => clock.sleep(1_000) };
for (const [does, wait] of Object.entries(WAITS)) {
  test(`a body that ${does} for ever ends by the deadline`, async () => {
    const world = createWorld({
      script: (_, __, clock) => long('{"data":[', "0,", { wait: () => wait(clock) }).response,
    });
    await run(world, async (client, clock) => {
      const error = await failed(client.generate(request, { deadline: 60_000 }));
      assert.equal(error.billed, "unknown");
      assert.ok(clock.now <= 61_000, `${clock.now} ms`);
    });
    assert.equal(world.requests.length, 1);
  });
}

test("a place that leads to itself is not run after with a key", async () => {
  for (const status of [301, 302, 303, 307, 308]) {
    const world = createWorld({
      script: ({ host, path }) => new Response(null, { status, headers: { location: `https://${host}${path}` } }),
    });
    await run(world, async (client, clock) => {
      await failed(client.generate(request));
      assert.ok(clock.now < 60_000);
    });
    assert.ok(world.requests.every(({ redirect }) => redirect === "manual"));
    assert.equal(world.requests.length, 1, `${status}`);
  }
});

test("tasks whose places lead in circles are asked after until the deadline, at the pace of polls, and are not lost", async () => {
  const home = "https://relay.test/v1";
  const ways = {
    "to itself": (path) => path,
    "to and fro": (path) => (path.endsWith("/a") ? "/v1/tasks/b" : "/v1/tasks/a"),
    "ever deeper": (path) => `${path}/a`,
  };
  for (const [way, next] of Object.entries(ways)) {
    const world = createWorld({
      script: ({ path }) => {
        const location = next(path.startsWith("/v1/tasks") ? path : "/v1/tasks/a");
        return Response.json({ id: "t1", status: "processing" }, { status: 202, headers: { location } });
      },
    });
    const providers = openaiCompatible({ apiKey: KEY, baseURL: home });
    await run(
      world,
      async (client, clock) => {
        const error = await failed(client.generate(request, { deadline: 120_000 }));
        assert.equal(error.billed, "unknown", way);
        assert.ok(JSON.stringify([error.message, error.taskId, error.ref]).includes("t1"), way);
        assert.ok(clock.now <= 121_000, `${way}: ${clock.now} ms`);
      },
      { providers },
    );
    const posts = world.requests.filter(({ path }) => path.endsWith("/generations"));
    assert.equal(posts.length, 1, way);
    assert.ok(world.requests.length <= 100, `${way}: ${world.requests.length} requests`);
  }
});

test("a task that names strangers' addresses: no key goes there, whatever they are called and wherever they stand", async () => {
  const evil = "https://stranger.test/v1/tasks/t1";
  const names = [
    "status_url",
    "polling_url",
    "poll_url",
    "response_url",
    "result_url",
    "cancel_url",
    "url",
    "href",
    "location",
  ];
  const links = Object.fromEntries(names.map((name) => [name, evil]));
  const task = {
    id: "t1",
    task_id: "t1",
    status: "processing",
    ...links,
    urls: { get: evil, cancel: evil },
    links: [links],
  };
  const answers = [task, { data: task }, { data: [task] }, { output: task }, { error: { message: "later", ...task } }];
  const origins = {
    hiapi: [hiapi({ apiKey: KEY, baseURL: "https://relay.test" }), "relay.test"],
    openaiCompatible: [openaiCompatible({ apiKey: KEY, baseURL: "https://relay.test/v1" }), "relay.test"],
  };
  for (const [providers, home] of Object.values(origins)) {
    for (const answer of answers) {
      for (const status of [200, 202]) {
        const headers = { location: evil, "operation-location": evil, "content-location": evil };
        const world = createWorld({
          script: ({ host }) =>
            host === home ? Response.json(answer, { status, headers }) : failure(404, { message: "nobody" }),
        });
        // Whether one of the addresses is taken for an image's is no matter here.
        await run(world, (client) => client.generate(request, { deadline: 120_000 }).catch(() => {}), { providers });
        const strangers = world.requests.filter(({ host }) => host !== home);
        assert.deepEqual(
          strangers.filter(({ headers: sent }) => JSON.stringify([...sent]).includes(KEY)),
          [],
        );
        assert.ok(world.requests.length < 200, `${world.requests.length} requests`);
      }
    }
  }
});

test("an image's address is asked without a key, wherever it leads", async () => {
  const places = [
    "https://stranger.test/a.png",
    "https://relay.test/v1/a.png",
    "https://relay.test.stranger.test/a.png",
  ];
  for (const url of places) {
    const world = createWorld({
      script: ({ path }) => (path.endsWith(".png") ? new Response(png(2, 2)) : Response.json({ data: [{ url }] })),
    });
    const providers = openaiCompatible({ apiKey: KEY, baseURL: "https://relay.test/v1" });
    await run(world, async (client) => (await client.generate(request)).image.bytes(), { providers });
    const [, picture] = world.requests;
    assert.equal(picture.headers.get("authorization"), null);
  }
});

test("10,000 events of progress do not lose what was paid without a word", async () => {
  const progress = `data: {"type":"image_generation.partial_image","b64_json":"${base64(png(1, 1))}"}\n\n`;
  const body = progress.repeat(10_000);
  assert.ok(body.length < MOST);
  const world = createWorld({
    script: () => new Response(body, { headers: { "content-type": "text/event-stream" } }),
  });
  await run(world, async (client) => {
    const error = await failed(client.generate(request));
    assert.notEqual(error.billed, "no");
  });
  assert.equal(world.requests.length, 1);
});
