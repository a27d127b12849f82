// What callers learn of a failure: where they called, what the host threw, and a warning where they don't listen.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestClient, json, settle, tidegate } from "./fake-core.mjs";

const request = { model: "m", prompt: "a boat" };

test("an error's stack begins where its caller called", async () => {
  const down = async () => {
    throw new TypeError("fetch failed", { cause: { code: "ECONNREFUSED" } });
  };
  const { client } = createTestClient(down);
  const askForABoat = () => client.generate(request);
  const error = await askForABoat().catch((error) => error);
  assert.match(error.stack, /^ProviderUnavailableError: fetch failed \(ECONNREFUSED\)\n    at /);
  assert.match(error.stack, /askForABoat/);
  assert.doesNotMatch(error.stack, /wasm|settle/);
  assert.ok(error.cause instanceof TypeError && error.cause.cause.code === "ECONNREFUSED", "the host's own error");
  const { failed } = await client.batch([request, request]).settled();
  for (const { error } of failed) assert.match(error.stack, /failures\.test\.mjs/);
});

test("a cause is that of the latest request, and of no earlier one", async () => {
  let calls = 0;
  const { client, world } = createTestClient(async () => {
    if (++calls === 1) throw new TypeError("reset");
    return json({});
  });
  world.onAnswer = (core, call) => core.host.settle(call.task, "failed", { code: "server-error", message: "no" });
  const failed = await client.generate(request).catch((error) => error);
  assert.equal(failed.cause.message, "reset");
  const answered = await client.generate(request).catch((error) => error);
  assert.ok(!("cause" in answered));
});

/** The lines of a log at "warn" while something happens. */
const warnings = async (fetch, act) => {
  const lines = [];
  const logger = { error: assert.fail, warn: (line) => lines.push(line), info: assert.fail, debug: assert.fail };
  const { client, world } = createTestClient(fetch, { logger, logLevel: "warn" });
  await act(client, world);
  await settle();
  await new Promise((resolve) => setTimeout(resolve, 5));
  return lines;
};

test("a failure that nobody waits for is one warning; whoever waits for it, in whatever way, has none", async () => {
  const down = async () => {
    throw new Error("down");
  };
  const lines = await warnings(down, (client) => {
    client.generate(request);
    void client.submit(request);
    client.generate(null);
  });
  assert.equal(lines.length, 3);
  assert.ok(lines.slice(0, 2).every((line) => line.includes("invalid-request") || line.includes("network: down")));
  for (const listen of [
    (client) => client.generate(request).catch(() => {}),
    (client) => client.submit(request).catch(() => {}),
    (client) =>
      client
        .generate(request)
        .ref()
        .catch(() => {}),
    async (client) => {
      for await (const _ of client.generate(request));
    },
    async (client) => {
      const task = client.generate(request);
      await settle();
      assert.equal(task.state.status, "failed");
    },
    (client) => client.batch([request]).settled(),
    (client) => {
      client.on("update", () => {});
      client.generate(request);
    },
    async (client) => {
      client.generate(request, { idempotencyKey: "k" });
      await client.generate(request, { idempotencyKey: "k" }).catch(() => {});
    },
    async (client) => {
      const task = client.generate(request);
      await Promise.resolve();
      await task.catch(() => {});
    },
    async (client) => void (await client.generate(request).cancel()),
    (client) => void client.generate(request, { signal: AbortSignal.abort() }),
  ])
    assert.deepEqual(await warnings(down, listen), [], String(listen));
});
