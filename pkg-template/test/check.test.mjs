// `check` as its users call it: the built client over the simulated provider, whose ledger must stay empty.
import assert from "node:assert/strict";
import { test } from "node:test";
import { json, load } from "./fake-core.mjs";

const { CancelledError, createClient, creativeai, hiapi, InvalidRequestError, openai } = await load("inline.js");
const { createSimulator } = await load("testing.js");

const clientOf = (providers, { simulator = createSimulator(), ...options } = {}) => ({
  simulator,
  client: createClient({ providers, logLevel: "off", ...simulator.options, ...options }),
});

test("a good key is accepted and a bad one is not, and nothing is paid", async () => {
  const { simulator, client } = clientOf({
    good: hiapi({ apiKey: "sk-good", limits: { concurrency: 4, rpm: 60 } }),
    bad: hiapi({ apiKey: "sk-bad" }),
    images: openai({ apiKey: "sk-bad" }),
    relay: creativeai({ apiKey: "sk-good" }),
  });
  const urls = [];
  client.on("http", ({ method, url }) => urls.push(`${method} ${url}`));
  const good = await client.check("good");
  assert.deepEqual({ ...good, advice: "" }, { ok: true, advice: "", limits: { concurrency: 4, rpm: 60 } });
  assert.match(good.advice, /accepted/);
  assert.deepEqual(await client.check(), good, "the first is meant where none is named");
  for (const name of ["bad", "images"]) {
    const { ok, code, advice } = await client.check(name);
    assert.deepEqual([ok, code], [false, "authentication"]);
    assert.match(advice, /not accepted.*apiKey/);
  }
  const relay = await client.check("relay");
  assert.ok(!("ok" in relay) && !("code" in relay), "its list may be open to anybody");
  assert.match(relay.advice, /only a paid call could tell/);
  assert.equal(simulator.ledger().length + simulator.stats().submits, 0);
  assert.equal(urls.length, 5);
  assert.ok(
    urls.every((url) => /^GET \S+\/(tasks|models)$/.test(url)),
    urls.join(),
  );
  await client.close();
});

test("what is wrong with the call rejects: an unknown name, a closed client", async () => {
  const { client } = clientOf(hiapi({ apiKey: "k" }));
  for (const name of ["nobody", "", 5, null])
    await assert.rejects(client.check(name), (error) => InvalidRequestError.is(error) && error.param === "provider");
  const open = client.check();
  await client.close();
  await assert.rejects(open, (error) => CancelledError.is(error));
  await assert.rejects(client.check(), (error) => CancelledError.is(error));
});

test("a key in a function is asked for, once more after a 401, and a broken one is told", async () => {
  let asked = 0;
  const later = clientOf(hiapi({ apiKey: async () => (asked++ === 0 ? "sk-bad" : "sk-good") }));
  assert.equal((await later.client.check()).ok, true);
  assert.equal(asked, 2);
  const broken = clientOf(
    hiapi({
      apiKey: () => {
        throw new Error("vault");
      },
    }),
  );
  const { ok, code, advice } = await broken.client.check();
  assert.deepEqual([ok, code], [false, "authentication"]);
  assert.match(advice, /The apiKey function threw/);
  assert.ok(!advice.includes("vault"));
});

test("no network, hangs and cooldowns", async () => {
  const unreachable = createClient({
    providers: hiapi({ apiKey: "k" }),
    logLevel: "off",
    fetch: async () => {
      throw new TypeError("fetch failed");
    },
  });
  const lost = await unreachable.check();
  assert.deepEqual(["ok" in lost, lost.code], [false, "network"]);
  const hanging = createClient({
    providers: hiapi({ apiKey: "k" }),
    logLevel: "off",
    timeout: 20,
    fetch: () => new Promise(() => {}),
  });
  assert.equal((await hanging.check()).code, "timeout");
  let requests = 0;
  const refusing = createClient({
    providers: hiapi({ apiKey: "k" }),
    logLevel: "off",
    fetch: async () => {
      requests++;
      const message = "60 requests per minute";
      return json(
        { error: { code: "rate_limit_exceeded", message } },
        { status: 429, headers: { "retry-after": "60" } },
      );
    },
  });
  const task = refusing.generate({ model: "m", prompt: "p" });
  await new Promise((resolve) => refusing.on("refusal", resolve));
  const { ok, code, axis, advice } = await refusing.check();
  assert.deepEqual([ok, code, axis, requests], [false, "rate-limited", "minute", 1]);
  assert.match(advice, /a minute.*nothing was sent/);
  await refusing.close();
  await assert.rejects(task);
});
