// The words in which the core is told why a fetch failed, and what comes of them: src/fetch_failure.rs reads them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./fake-core.mjs";
import { createWorld, request, run, tidegate } from "./images-api.mjs";

const { reason } = await load("reason.js");
const { UnknownOutcomeError } = tidegate;

const failing = (fields, cause) => Object.assign(new TypeError("fetch failed", cause && { cause }), fields);
const refused = { code: "ECONNREFUSED", syscall: "connect" };

for (const [what, cause, words] of [
  ["a code and a system call", failing({}, { code: "EHOSTUNREACH", syscall: "connect" }), "(EHOSTUNREACH connect)"],
  ["a code alone", failing({}, { code: "UND_ERR_SOCKET" }), "(UND_ERR_SOCKET)"],
  ["a code of its own", failing({ code: "ENOTFOUND", syscall: "getaddrinfo" }), "(ENOTFOUND getaddrinfo)"],
  ["plain objects", { message: "fetch failed", cause: { code: "ECONNRESET", syscall: "read" } }, "(ECONNRESET read)"],
  ["a cause's cause", failing({}, { cause: refused }), "(ECONNREFUSED connect)"],
  ["codes at two depths", failing({ code: "ERR_NETWORK" }, refused), "(ERR_NETWORK, ECONNREFUSED connect)"],
  ["the same code twice", failing({ ...refused }, refused), "(ECONNREFUSED connect)"],
  ["no code", failing({}, new Error("bad port")), "(bad port)"],
  ["no code at two depths", failing({}, { message: "why", cause: { message: "the root" } }), "(the root)"],
  ["a number for a code", failing({ code: 20 }), ""],
  ["a code that is a sentence", failing({}, { code: "a b (c", message: "inner" }), "(inner)"],
  ["causes in a ring", ((ring) => (ring.cause = ring))(failing({})), ""],
]) {
  test(`of a failure with ${what}`, () => {
    assert.equal(reason(cause), `fetch failed${words && ` ${words}`}`);
  });
}

test("of several addresses, the distinct codes of all of them; one that says nothing is not passed over", () => {
  const of = (...errors) => reason(failing({}, Object.assign(new AggregateError(errors), { code: errors[0]?.code })));
  assert.equal(of(refused, { ...refused }), "fetch failed (ECONNREFUSED connect)");
  const unreachable = { code: "ENETUNREACH", syscall: "connect" };
  assert.equal(of(unreachable, refused), "fetch failed (ENETUNREACH connect, ECONNREFUSED connect)");
  assert.equal(of(refused, new Error("")), "fetch failed (ECONNREFUSED connect, UNKNOWN)");
  assert.equal(of(refused, null), "fetch failed (ECONNREFUSED connect, UNKNOWN)");
});

test("what is no error, or fails when it is looked at, has simply failed", () => {
  const throwing = (field) => Object.defineProperty(new Error("x"), field, { get: () => assert.fail("looked at") });
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const causes = [undefined, null, 7, "text", {}, ...["message", "cause", "code"].map(throwing), revoked.proxy];
  for (const cause of causes) assert.equal(reason(cause), "fetch failed");
  assert.equal(
    reason(failing({}, { errors: new Proxy([1], { get: () => assert.fail("looked at") }) })),
    "fetch failed",
  );
});

test("queries of URLs are left out, and what only looks like one stays", () => {
  const told = reason(new TypeError("fetch failed", { cause: new Error("for https://a.test/x.png?sig=s)cret: no") }));
  assert.equal(told, "fetch failed (for https://a.test/x.png?… no)");
  assert.equal(reason(failing({ message: "able to access the\nurl? Yes" })), "able to access the url? Yes");
});

test("a connection that no address made is tried again; one address that may have heard of it makes all uncertain", async () => {
  const failures = [
    { code: "EHOSTUNREACH", syscall: "connect" },
    { code: "ETIMEDOUT", syscall: "connect" },
    { code: "UND_ERR_CONNECT_TIMEOUT" },
    { code: "CERT_HAS_EXPIRED" },
    new AggregateError([refused, { code: "ENETUNREACH", syscall: "connect" }]),
  ];
  for (const cause of failures) {
    let calls = 0;
    const script = () => {
      if (++calls === 1) throw { message: "fetch failed", cause };
    };
    await run(createWorld({ script }), async (client) => {
      assert.equal((await client.generate(request)).images.length, 1);
    });
    assert.equal(calls, 2, JSON.stringify(cause));
  }
  for (const cause of [
    { code: "ETIMEDOUT", syscall: "read" },
    { code: "EHOSTUNREACH" },
    { code: "UND_ERR_HEADERS_TIMEOUT" },
    new AggregateError([refused, { code: "ECONNRESET", syscall: "read" }]),
  ]) {
    let calls = 0;
    const script = () => {
      calls++;
      throw { message: "fetch failed", cause };
    };
    await run(createWorld({ script }), async (client) => {
      await assert.rejects(
        client.generate(request),
        (error) => UnknownOutcomeError.is(error) && error.billed === "unknown",
      );
    });
    assert.equal(calls, 1, JSON.stringify(cause));
  }
});

test("an error says what a person can do about it", async () => {
  const advice = { DEPTH_ZERO_SELF_SIGNED_CERT: "NODE_EXTRA_CA_CERTS", ENOTFOUND: "is the baseURL right" };
  for (const [code, words] of Object.entries(advice)) {
    const script = () => {
      throw failing({}, { code });
    };
    await run(createWorld({ script }), async (client) => {
      const failed = client.generate(request, { retry: { maxRetries: 0 } });
      await assert.rejects(failed, ({ message }) => message.includes(code) && message.includes(words));
    });
  }
});

test("a refusal whose body can't be read, since it is not compressed as its header says, keeps its hint", async () => {
  let calls = 0;
  const script = () => {
    if (++calls > 1) return;
    const pull = (controller) => controller.error(new TypeError("terminated"));
    return new Response(new ReadableStream({ pull }), {
      status: 429,
      headers: { "retry-after": "7", "content-encoding": "gzip" },
    });
  };
  const world = createWorld({ script });
  await run(world, async (client) => assert.equal((await client.generate(request)).images.length, 1));
  const [first, second, ...others] = world.requests.map(({ at }) => at);
  assert.ok(second - first >= 7_000 && others.length === 0, `${second - first} ms`);
});
