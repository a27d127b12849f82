// A host's own limits, lifted where the host has a way. That they are, in real hosts: tests/hosts/rows/fetch-failures.mjs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestClient, json, load } from "./fake-core.mjs";

const { limitOf, patience } = await load("patience.js");

const dispatcher = () => ({
  told: [],
  dispatch(options, handler) {
    this.told.push([options, handler]);
    return true;
  },
});
const symbol = (version) => Symbol.for(`undici.globalDispatcher.${version}`);

for (const [undici, version] of [
  ["6.24.1", 1],
  ["7.29.1", 1],
  ["8.0.0", 2],
]) {
  test(`Node's fetch by undici ${undici} waits without a limit, through the dispatcher that is set`, () => {
    const [right, wrong] = [dispatcher(), dispatcher()];
    const host = { process: { versions: { undici } }, [symbol(version)]: right, [symbol(3 - version)]: wrong };
    const handler = {};
    const { dispatcher: told } = patience(host);
    assert.equal(told.dispatch({ path: "/", headersTimeout: 5 }, handler), true);
    assert.deepEqual(right.told, [[{ path: "/", headersTimeout: 0, bodyTimeout: 0 }, handler]]);
    assert.equal(right.told[0][1], handler);
    assert.deepEqual(wrong.told, []);
    // A user's proxy or mock, set later.
    const proxy = Object.assign(dispatcher(), { isMockActive: true });
    host[symbol(version)] = proxy;
    const { dispatcher: next } = patience(host);
    next.dispatch({}, handler);
    assert.deepEqual([proxy.told.length, next.isMockActive, told.isMockActive], [1, true, undefined]);
  });
}

test("Bun's fetch has no limit but ours; others are told nothing", () => {
  assert.deepEqual(patience({ process: { versions: { bun: "1.4.5", node: "26.3.0" } } }), { timeout: false });
  for (const host of [{}, { process: {} }, { process: { versions: { undici: "7.0.0" } } }])
    assert.equal(patience(host), undefined);
});

test("a fetch of the caller's own is told nothing of it", async () => {
  const inits = [];
  const { client } = createTestClient(async (_, init) => {
    inits.push(init);
    return json({ id: "t" });
  });
  await client.generate({ model: "m", prompt: "a boat" });
  assert.ok(inits.length > 0 && inits.every((init) => !("dispatcher" in init) && !("timeout" in init)));
});

test("what can't be lifted is known: a caller's own fetch in Node and Bun, and Firefox's", () => {
  const [node, bun] = [{ undici: "7.0.0" }, { bun: "1.4.5" }].map((versions) => ({ process: { versions } }));
  const firefox = { navigator: { userAgent: "Mozilla/5.0 (X11; rv:153.0) Gecko/20100101 Firefox/153.0" } };
  assert.deepEqual(
    [node, bun].map((host) => limitOf(true, host)),
    [300_000, 300_000],
  );
  assert.deepEqual(
    [node, bun, {}].map((host) => limitOf(false, host)),
    [undefined, undefined, undefined],
  );
  assert.deepEqual([limitOf(false, firefox), limitOf(true, firefox)], [300_000, undefined]);
});
