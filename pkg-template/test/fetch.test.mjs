// What a caller's own fetch may do, and what must come of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestClient, json, load, settle } from "./fake-core.mjs";

const { Handles } = await load("handles.js");

const request = { model: "m", prompt: "a boat" };

for (const [what, answer] of Object.entries({
  "no headers": { status: 200, ok: true, json: async () => ({}) },
  "headers that are no Headers": { status: 200, headers: { "x-id": "7" }, body: null },
  "headers that cannot be walked": { status: 200, headers: { get: () => null }, body: null },
  "a text": "{}",
  nothing: undefined,
})) {
  test(`a fetch that gives ${what} instead of a Response has failed; the core goes on, and whoever listens hears of it`, async () => {
    for (const listens of [false, true]) {
      const { client, world } = createTestClient(async () => answer);
      const heard = [];
      if (listens) client.on("http", (event) => heard.push(event));
      await assert.rejects(client.generate(request), { code: "network" });
      assert.equal(world.cores.length, 1);
      assert.equal(world.named("failed").length, 1);
      assert.deepEqual(
        heard.map(({ method, url, status }) => [method, url, status]),
        listens ? [["POST", "https://api.test/v1/tasks", undefined]] : [],
      );
    }
  });
}

test("what a fetch cancels while it is called is given up: nobody pays for what counts as not sent", async () => {
  let sent;
  const { client, world } = createTestClient((_, { signal }) => {
    void task.cancel();
    sent = signal;
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  });
  const task = client.generate(request);
  await assert.rejects(task, { code: "cancelled", billed: "no" });
  assert.equal(sent.aborted, true);
  await settle();
  assert.deepEqual(world.named("failed"), [[1, 1, "aborted"]]);
});

test("a fetch that makes the core trap while it is called is on its way for the next one, too", async () => {
  let answer;
  const { client, world } = createTestClient(() => {
    world.trap = (method) => {
      if (method !== "status") return;
      world.trap = () => {};
      throw new Error("trap");
    };
    client.status();
    return new Promise((resolve) => (answer = () => resolve(json({ id: "t" }))));
  });
  const task = client.generate(request);
  await settle();
  assert.equal(world.cores.length, 2);
  assert.deepEqual(world.named("adopt"), [[1, 1, 0]]);
  answer();
  assert.equal((await task).taskId, "t1");
  assert.equal(world.named("answer").length, 1);
});

/** What is held on this side while `story` runs, and after it. */
const holding = async (story) => {
  const given = [];
  const hold = Handles.prototype.hold;
  Handles.prototype.hold = function (task, data) {
    const handle = hold.call(this, task, data);
    given.push(() => this.get(handle));
    return handle;
  };
  try {
    await story();
  } finally {
    Handles.prototype.hold = hold;
  }
  return { given: given.length, left: given.filter((get) => get() !== undefined).length };
};

test("an image that comes in the very moment in which its download is cancelled is not kept for ever", async () => {
  let given = 0;
  for (let turns = 0; turns < 12; turns++) {
    const held = await holding(async () => {
      let end;
      const start = (controller) => {
        controller.enqueue(new Uint8Array(100));
        end = () => controller.close();
      };
      const { client, world } = createTestClient(async (url) =>
        url.startsWith("https://images.test") ? new Response(new ReadableStream({ start })) : json({}),
      );
      const { image } = await client.generate(request);
      const bytes = image.bytes().catch(({ code }) => code);
      await settle();
      const { task } = [...world.cores[0].tasks.values()].find(({ url }) => url);
      end();
      for (let turn = 0; turn < turns; turn++) await undefined;
      world.cores[0].cancel(task);
      await bytes;
      await settle();
    });
    given += held.given;
    assert.equal(held.left, 0, `${turns} turns`);
  }
  assert.notEqual(given, 0);
});

test("long texts of an answer on which the core traps again and again are let go", async () => {
  const held = await holding(async () => {
    const { client, world } = createTestClient(async () => json({ text: "x".repeat(9_000) }));
    world.trap = (method) => {
      if (method === "answer") throw new Error("trap");
    };
    await assert.rejects(client.generate(request), { code: "core-crashed" });
    await settle();
  });
  assert.deepEqual(held, { given: 2, left: 0 });
});
