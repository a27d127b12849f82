// The world in wasm answers the recorded run as the native one does (`simulator/tests/golden.rs`): floating point and all.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { dist, load } from "./fake-core.mjs";

const { instantiate } = await load("simulator-world.js");
const recording = new URL("../../simulator/tests/golden/run.json", import.meta.url);

test("the recorded run is answered in wasm as it was natively", async () => {
  const { settings, steps, expected } = JSON.parse(await readFile(recording, "utf8"));
  const { World } = instantiate(new WebAssembly.Module(await readFile(new URL("simulator-world.wasm", dist))));
  const world = new World(JSON.stringify(settings));
  const tasks = [];
  const authorization = ["authorization", "Bearer test"];
  const answers = steps.map(([at, kind, what, key]) => {
    const submits = kind === "submit";
    const body = submits ? JSON.stringify({ input: { prompt: what }, model: "gpt-image-2" }) : "";
    const outcome = world.handle(
      at,
      submits ? "POST" : "GET",
      submits ? "/v1/tasks" : `/v1/tasks/${tasks[what] ?? "none"}`,
      submits ? ["idempotency-key", key, ...authorization] : authorization,
      new TextEncoder().encode(body),
    );
    const { status } = outcome;
    if (status === 0) return null;
    const text = new TextDecoder().decode(outcome.intoBody());
    if (submits && status === 200) {
      // Some answers are cut short on purpose.
      const [, id] = /"taskId":"([^"]+)"}/.exec(text) ?? [];
      if (id) tasks.push(id);
    }
    return [status, text];
  });
  const end = steps.at(-1)[0] + 60_000;
  assert.deepEqual(answers, expected.answers);
  assert.deepEqual(JSON.parse(world.stats(end)), expected.stats);
  assert.deepEqual(JSON.parse(world.ledger(end)), expected.ledger);
});
