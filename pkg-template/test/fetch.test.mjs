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
