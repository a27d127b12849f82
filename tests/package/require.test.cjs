// Run by `cargo xtask test` in an empty folder where the packed tarball is installed.
const assert = require("node:assert/strict");
const test = require("node:test");
const { createClient, hiapi } = require("tidegate");
const { createSimulator } = require("tidegate/testing");

test("required: an image from the simulator", async () => {
  const client = createClient({ providers: hiapi({ apiKey: "test-key", baseURL: process.env.TIDEGATE_SIMULATOR }) });
  const { images } = await client.generate({ model: "gpt-image-2", prompt: "a tide gate at dusk" });
  const bytes = await images[0].bytes();
  assert.equal(new TextDecoder().decode(bytes.subarray(1, 4)), "PNG");
  await client.close();
});

test("required: an image from the simulator in this process", async () => {
  const simulator = createSimulator();
  const client = createClient({ providers: hiapi({ apiKey: "test-key" }), ...simulator.options });
  const { taskId } = await client.generate({ model: "gpt-image-2", prompt: "a tide gate at noon" });
  assert.deepEqual(
    simulator.ledger().map((charge) => charge.taskId),
    [taskId],
  );
  await client.close();
});
