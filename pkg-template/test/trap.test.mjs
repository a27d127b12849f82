import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestClient, json, settle, tidegate } from "./fake-core.mjs";

const { CoreCrashedError } = tidegate;
const request = { model: "m", prompt: "a boat" };
const boom = () => {
  throw new WebAssembly.RuntimeError("unreachable");
};
/** Traps in the given calls, counted over all cores. */
const trapAt = (method, ...turns) => {
  let turn = 0;
  return (name) => {
    if (name === method && turns.includes(++turn)) boom();
  };
};
const deferred = () => {
  let resolve;
  const promise = new Promise((r) => (resolve = r));
  return { promise, resolve };
};

test("a trap in an answer: the next core adopts the submit and takes the answer", async () => {
  const answers = [deferred(), deferred()];
  let sent = 0;
  const { client, world } = createTestClient(() => answers[sent++].promise);
  const tasks = [client.generate(request), client.generate(request)];
  await settle();
  world.trap = trapAt("answer", 1);
  answers[0].resolve(json({}));
  await tasks[0];
  assert.equal(world.cores.length, 2);
  assert.equal(world.cores[1].config.firstCall, 3);
  const records = [1, 2].map((task) => [{ key: `made-${task}`, index: 0, state: "planned" }]);
  assert.deepEqual(world.named("submit").slice(2), [
    [1, 0, request, { idempotencyKey: "made-1" }, records[0]],
    [2, 0, request, { idempotencyKey: "made-2" }, records[1]],
  ]);
  assert.deepEqual(world.named("adopt"), [
    [1, 1, 0],
    [2, 2, 0],
  ]);
  answers[1].resolve(json({}));
  await tasks[1];
  assert.equal(sent, 2, "nothing is sent twice");
});

test("a task that traps twice ends; the rest goes on with a third core", async () => {
  const { client, world } = createTestClient(async () => json({}));
  world.trap = (method, core, number) => {
    if (method === "answer" && number === 1) boom();
  };
  const bad = client.generate(request);
  const good = client.generate(request);
  const events = [];
  client.on("update", ({ update }) => events.push(update.status));
  await assert.rejects(
    bad,
    (error) =>
      CoreCrashedError.is(error) && error.billed === "unknown" && error.cause instanceof WebAssembly.RuntimeError,
  );
  await assert.rejects(bad.ref(), CoreCrashedError);
  await good;
  assert.equal(world.cores.length, 3);
  assert.deepEqual(events, ["failed", "succeeded"]);
  await client.generate(request);
});

test("a crash tells the ref where one is known", async () => {
  const { client, world } = createTestClient(async () => json({}));
  const ref = {
    v: 1,
    idempotencyKey: "made-1",
    parts: [{ index: 0, provider: "hiapi", model: "m", taskId: "t", idempotencyKey: "made-1" }],
  };
  world.onAnswer = (core, call) => {
    core.host.update(call.task, { status: "queued", ref });
    boom();
  };
  await assert.rejects(client.generate(request), (error) => {
    assert.deepEqual(error.ref, ref);
    return CoreCrashedError.is(error);
  });
});

test("a trap in submit: registered again once, and only once", async () => {
  const { client, world } = createTestClient(async () => json({}));
  world.trap = trapAt("submit", 1);
  const task = client.generate(request);
  assert.equal(task.idempotencyKey, "made-1");
  await task;
  assert.equal(world.named("submit").length, 2);
  world.trap = trapAt("submit", 1, 2);
  const crashed = client.generate(request);
  await assert.rejects(crashed, (error) => CoreCrashedError.is(error) && error.billed === "no");
  world.trap = () => {};
  await client.generate(request);
});

test("a trap in a wake: once is survived, twice in a row ends its tasks", async () => {
  const { client, world } = createTestClient(async () => json({}));
  world.trap = trapAt("wake", 1);
  await Promise.all([client.generate(request), client.generate(request)]);
  world.trap = (method) => method === "wake" && world.cores.at(-1).tasks.size > 0 && boom();
  await assert.rejects(client.generate(request), CoreCrashedError);
  world.trap = () => {};
  await client.generate(request);
});

test("a core that traps on every answer ends its tasks instead of turning for ever", async () => {
  const { client, world } = createTestClient(async () => json({}), {
    providers: tidegate.hiapi({ apiKey: async () => "k" }),
    store: { get: async () => {}, put: async () => {}, delete: async () => {}, async *all() {} },
  });
  // So that each call waits for its key.
  world.refresh = true;
  for (const method of ["answer", "stored", "begin"]) {
    world.trap = (name) => name === method && boom();
    await assert.rejects(client.generate(request), CoreCrashedError, method);
  }
  world.trap = () => {};
  await client.generate(request);
});

test("a record on which every core traps ends the tasks that wait, and nothing goes round for ever", async () => {
  const get = async (key) => (key === "lane" ? "{}" : undefined);
  const store = { get, put: () => new Promise(() => {}), delete: async () => {}, async *all() {} };
  const { client, world } = createTestClient(async () => json({}), { store });
  world.trap = (method) => {
    if (method === "loaded") boom();
  };
  let error;
  client.generate(request).catch((reason) => (error = reason));
  // Each core asks for what was learned of the lane of its tasks, as the real one does.
  for (let looked = 0; !error && looked < 100; looked++) {
    world.cores.at(-1).host.load(looked, "lane");
    await settle();
  }
  assert.ok(CoreCrashedError.is(error), String(error));
  assert.ok(world.cores.length < 40, `${world.cores.length} cores`);
});

test("polls and downloads are aborted and sent anew by the next core", async () => {
  const signals = [];
  const urls = [];
  const image = deferred();
  const { client, world } = createTestClient((url, { signal }) => {
    urls.push(String(url));
    if (!String(url).includes("images.test")) return Promise.resolve(json({}));
    signals.push(signal);
    return signals.length === 1 ? new Promise(() => {}) : image.promise;
  });
  const result = await client.generate(request);
  const bytes = result.image.bytes();
  await settle();
  world.trap = trapAt("status", 1);
  assert.deepEqual(client.status().waiting, 1);
  await settle();
  assert.ok(signals[0].aborted && !signals[1].aborted);
  image.resolve(new Response("abc"));
  assert.equal((await bytes).length, 3);
});

test("acknowledgements meant for the core before do not reach the next", async () => {
  const puts = [];
  const store = {
    get: async () => {},
    put: () => new Promise((resolve) => puts.push(resolve)),
    delete: async () => {},
    async *all() {},
  };
  const { client, world } = createTestClient(async () => json({}), { store });
  const task = client.generate(request);
  await settle();
  world.trap = trapAt("status", 1);
  client.status();
  await settle();
  puts[0]();
  await settle();
  assert.deepEqual(world.named("stored"), []);
  puts[1]();
  await task;
  assert.deepEqual(world.named("stored"), [[1, true]]);
});

test("what the old core does after a trap within it counts for nothing", async () => {
  const { client, world } = createTestClient(async () => json({}));
  world.onAnswer = (core, call) => {
    if (core !== world.cores[0])
      return core.host.settle(call.task, "failed", { code: "task-failed", message: "by the new core" });
    world.trap = trapAt("status", 1);
    client.status();
    core.host.settle(call.task, "failed", { code: "task-failed", message: "by the old core" });
  };
  await assert.rejects(client.generate(request), /by the new core/);
});

test("paused batches stay paused", async () => {
  const { client, world } = createTestClient(async () => json({}));
  const batch = client.batch([request]);
  batch.pause();
  world.trap = trapAt("status", 1);
  client.status();
  assert.deepEqual(world.named("pause"), [
    [1, true],
    [1, true],
  ]);
  batch.abort();
});

test("a core that cannot start is a typed error, and may start later", async () => {
  const { client, world } = createTestClient(async () => json({}));
  world.trap = (method) => {
    if (method === "constructor") throw new WebAssembly.CompileError("blocked by CSP");
  };
  await assert.rejects(
    client.generate(request),
    (error) => CoreCrashedError.is(error) && error.billed === "no" && /blocked by CSP/.test(error.message),
  );
  assert.throws(() => client.status(), CoreCrashedError);
  await assert.rejects(client.pending(), CoreCrashedError);
  world.trap = () => {};
  await client.generate(request);
});
