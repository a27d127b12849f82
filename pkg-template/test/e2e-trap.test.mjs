// The build that traps when it is told to, over a scripted HiAPI in virtual time.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { createHiapi, inVirtualTime, png } from "./virtual.mjs";

const folder = process.env.TIDEGATE_TRAP_PACKAGE ?? fileURLToPath(new URL("../../target/pkg-trap", import.meta.url));
const load = (file) => import(new URL(`dist/${file}`, pathToFileURL(`${folder}/`)).href);
const { createClient, hiapi, openai, CoreCrashedError } = await load("inline.js");
const { instantiate } = await load("core.js");
const { provide } = await load("start.js");
const wasm = readFileSync(new URL("dist/core.wasm", pathToFileURL(`${folder}/`)));

const request = { model: "gpt-image-2", prompt: "a tide gate at dawn" };
const requests = (count) => Array.from({ length: count }, () => request);

/** What a client keeps in memory by itself is durable at once; of this the core hears later. */
const createStore = () => {
  const records = new Map();
  return {
    get: async (key) => records.get(key),
    put: async (key, record) => void records.set(key, record),
    delete: async (key) => void records.delete(key),
    async *all() {
      yield* [...records];
    },
  };
};

/** Runs a story in which the core traps where `traps(method, args, times so far)` says so. */
const run = async (world, traps, story, providers = hiapi({ apiKey: "k" })) => {
  let [cores, trapped] = [0, 0];
  const wrap = (module) => {
    const { Core } = instantiate(module);
    cores++;
    for (const name of Object.getOwnPropertyNames(Core.prototype)) {
      const method = Core.prototype[name];
      if (["constructor", "trap", "free"].includes(name) || typeof method !== "function") continue;
      Core.prototype[name] = function (...parameters) {
        if (traps(name, parameters, trapped)) {
          trapped++;
          this.trap();
        }
        return method.apply(this, parameters);
      };
    }
    return { Core };
  };
  provide(wrap, () => wasm);
  await inVirtualTime(async (clock) => {
    const client = createClient({ providers, store: createStore(), testing: { seed: 1 }, logLevel: "off" });
    await story(client, clock);
    await client.close();
  }, world.fetch);
  return { cores, trapped };
};

for (const [method, every] of [
  ["answer", 7],
  ["wake", 3],
  ["stored", 7],
]) {
  test(`traps in ${method}, amid a batch: every image comes and none is bought twice`, async () => {
    const world = createHiapi({ cap: 4 });
    let turn = 0;
    const traps = (name, _, times) => name === method && ++turn % every === 0 && times < 3;
    const { cores, trapped } = await run(world, traps, async (client) => {
      const { ok, failed } = await client.batch(requests(12)).settled();
      assert.deepEqual(failed, []);
      assert.equal(new Set(ok.map(({ result }) => result.taskId)).size, 12);
    });
    assert.equal(trapped, 3);
    assert.equal(cores, 4);
    assert.equal(world.tasks.size, 12);
    const keys = world.of("POST").map(({ headers }) => headers.get("idempotency-key"));
    assert.equal(new Set(keys).size, 12);
  });
}

test("a trap while submits are in flight: they are adopted, not sent again", async () => {
  const world = createHiapi();
  let armed = false;
  const traps = (name) => armed && name === "status" && !(armed = false);
  const story = async (client, clock) => {
    const tasks = requests(4).map((one) => client.generate(one));
    await clock.sleep(20);
    assert.equal(world.of("POST").length, 4);
    armed = true;
    client.status();
    const results = await Promise.all(tasks);
    assert.equal(new Set(results.map(({ taskId }) => taskId)).size, 4);
  };
  await run(world, traps, story, hiapi({ apiKey: "k", limits: { concurrency: 4 } }));
  assert.equal(world.of("POST").length, 4);
});

test("a trap while tasks are polled: they go on by their ids", async () => {
  const world = createHiapi({ duration: () => 10_000 });
  let armed = false;
  const traps = (name) => armed && name === "status" && !(armed = false);
  await run(world, traps, async (client, clock) => {
    const task = client.generate(request);
    await task.ref();
    await clock.sleep(3_000);
    armed = true;
    client.status();
    assert.equal((await task).taskId, "t1");
  });
  assert.equal(world.of("POST").length, 1);
});

test("an answer that traps each time ends its task, with its ref, and no other", async () => {
  const world = createHiapi();
  const traps = (name, parameters) => {
    const body = name === "answer" ? new TextDecoder().decode(parameters[4]) : "";
    return body.includes('"t2"') && body.includes("success");
  };
  await run(world, traps, async (client) => {
    const ends = await Promise.allSettled(requests(3).map((one) => client.generate(one)));
    assert.deepEqual(ends.map(({ status }) => status).sort(), ["fulfilled", "fulfilled", "rejected"]);
    const { reason } = ends.find(({ status }) => status === "rejected");
    assert.ok(CoreCrashedError.is(reason), String(reason));
    assert.equal(reason.billed, "unknown");
    assert.equal(reason.ref.parts[0].taskId, "t2");
    assert.equal((await client.generate(request)).taskId, "t4");
  });
});

/** A provider without idempotency keys, whose answer to a submit is the image. */
const createKeyless = () => {
  const world = { posts: 0 };
  world.fetch = async (clock) => {
    world.posts++;
    await clock.sleep(10_000);
    return Response.json({ data: [{ b64_json: Buffer.from(png(8, 4)).toString("base64") }] });
  };
  return world;
};

for (const [method, every, most] of [
  ["answer", 3, 3],
  ["wake", 1, 1],
  ["stored", 5, 3],
]) {
  test(`traps in ${method} without idempotency keys: what had not left is no doubt, what had left is heard out`, async () => {
    const world = createKeyless();
    let turn = 0;
    const traps = (name, _, times) => name === method && ++turn % every === 0 && times < most;
    const providers = openai({ apiKey: "k", limits: { concurrency: 2 } });
    const story = async (client) => {
      const { ok, failed } = await client.batch(requests(12)).settled();
      assert.deepEqual(failed, []);
      const sizes = await Promise.all(ok.map(async ({ result }) => (await result.image.bytes()).length));
      assert.deepEqual(sizes, Array(12).fill(200));
    };
    const { trapped } = await run(world, traps, story, providers);
    assert.equal(trapped, most);
    assert.equal(world.posts, 12, "each is bought once");
  });
}

for (const method of ["begin", "status"]) {
  test(`a trap in ${method} while forms are put together: each edit leaves once, with its own picture`, async () => {
    const widths = [];
    const world = {
      fetch: async (clock, input, init) => {
        if (new URL(input).host === "pictures.test") {
          await clock.sleep(1_000);
          return new Response(png(9, 9));
        }
        const file = init.body.getAll("image[]").at(-1);
        widths.push(new DataView(await file.arrayBuffer()).getUint32(16));
        await clock.sleep(10_000);
        return Response.json({ data: [{ b64_json: Buffer.from(png(8, 4)).toString("base64") }] });
      },
    };
    const traps = (name, _, times) => name === method && times === 0;
    const story = async (client, clock) => {
      const tasks = [1, 2, 3].map((width) =>
        client.generate({ ...request, images: ["https://pictures.test/9.png", new Blob([png(width, 1)])] }),
      );
      await clock.sleep(500);
      client.status();
      await Promise.all(tasks);
      assert.equal(client.status().lanes[0].held, 0);
    };
    const { trapped } = await run(world, traps, story, openai({ apiKey: "k", limits: { concurrency: 2 } }));
    assert.equal(trapped, 1);
    assert.deepEqual(widths.sort(), [1, 2, 3]);
  });
}

test("a trap during a check: it asks again and reports", async () => {
  const world = createHiapi();
  const traps = (name, _, times) => name === "answer" && times === 0;
  const { trapped } = await run(world, traps, async (client) => {
    const { advice } = await client.check();
    assert.equal(typeof advice, "string");
  });
  assert.equal(trapped, 1);
});

test("a trap during a probe ends it, and what was bought is there", async () => {
  const world = createHiapi({ cap: 3 });
  const traps = (name, _, times) => name === "answer" && world.tasks.size >= 2 && times === 0;
  const prices = { "gpt-image-2": 0.04 };
  const story = async (client) => {
    await assert.rejects(client.probe(request, { max: 6, budget: 1 }), (error) => CoreCrashedError.is(error));
    const pending = await client.pending();
    await Promise.all(pending.map((ref) => client.resume(ref)));
    assert.ok(world.tasks.size >= 2 && world.tasks.size <= 6, `${world.tasks.size} bought`);
    assert.equal(pending.length, world.tasks.size);
  };
  const { trapped } = await run(world, traps, story, hiapi({ apiKey: "k", prices }));
  assert.equal(trapped, 1);
});
