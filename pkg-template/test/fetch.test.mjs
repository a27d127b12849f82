// What a caller's own fetch may do, and what must come of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestClient, json, settle } from "./fake-core.mjs";

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
