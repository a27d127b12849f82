import assert from "node:assert/strict";
import { test } from "node:test";
import vm from "node:vm";
import { load, tidegate } from "./fake-core.mjs";

const { toError } = await load("errors.js");
const { ImageError, RateLimitError, ContentFilteredError, ProviderUnavailableError } = tidegate;

const codes = {
  AuthenticationError: ["authentication"],
  PermissionError: ["permission"],
  InvalidRequestError: ["invalid-request"],
  RateLimitError: ["rate-limited"],
  QueueTimeoutError: ["queue-timeout"],
  QuotaExhaustedError: ["quota-exhausted"],
  ContentFilteredError: ["content-filtered"],
  ModelUnavailableError: ["model-unavailable"],
  ProviderUnavailableError: ["overloaded", "server-error", "network", "timeout"],
  TaskFailedError: ["task-failed", "not-found", "expired", "empty-result", "protocol"],
  CancelledError: ["cancelled"],
  UnknownOutcomeError: ["unknown-outcome"],
  DeadlineError: ["deadline"],
  BudgetError: ["budget"],
  RoutesExhaustedError: ["routes-exhausted"],
  CoreCrashedError: ["core-crashed"],
};

test("every code has one class, and only that class says yes", () => {
  for (const [name, own] of Object.entries(codes)) {
    for (const code of own) {
      const error = toError({ code, message: "why" });
      assert.ok(error instanceof tidegate[name] && error instanceof Error);
      assert.equal(error.name, name);
      assert.equal(error.code, code);
      assert.ok(ImageError.is(error));
      for (const other of Object.keys(codes))
        assert.equal(tidegate[other].is(error), other === name, `${other}.is(${code})`);
    }
  }
});

test("fields come through, and defaults fill the rest", () => {
  const error = toError({
    code: "rate-limited",
    message: "later",
    retryAfterMs: 5,
    retryable: true,
    attempts: [{}],
    status: 429,
  });
  assert.deepEqual(
    { ...error },
    {
      code: "rate-limited",
      axis: "unknown",
      retryable: true,
      billed: "no",
      attempts: [{}],
      retryAfterMs: 5,
      status: 429,
    },
  );
  assert.ok(!("cause" in error));
  const filtered = toError({ code: "content-filtered", message: "no", severity: "hard" });
  assert.deepEqual([filtered.stage, filtered.severity, filtered.categories], ["unknown", "hard", []]);
});

test("errors inside an error become errors", () => {
  const error = toError({ code: "routes-exhausted", message: "all", errors: [{ code: "network", message: "x" }] });
  assert.ok(ProviderUnavailableError.is(error.errors[0]));
});

test("an error crosses a wire and comes out as it was, of the same class", () => {
  for (const [name, [code]] of Object.entries(codes)) {
    const errors = code === "routes-exhausted" ? [{ code: "network", message: "x" }] : undefined;
    const error = toError({ code, message: "why", status: 503, provider: "hiapi", attempts: [{ at: 1 }], errors });
    const plain = JSON.parse(JSON.stringify(error));
    assert.deepEqual([plain.name, plain.message, plain.code, plain.status], [name, "why", code, 503]);
    for (const sent of [plain, structuredClone(error.toJSON())]) {
      const again = ImageError.from(sent);
      assert.ok(again instanceof tidegate[name] && again.stack.includes("why"));
      assert.deepEqual({ ...again, errors: undefined }, { ...error, errors: undefined });
      assert.ok(!Object.hasOwn(again, "name"), "its class has it");
      if (errors) assert.ok(ProviderUnavailableError.is(again.errors[0]));
    }
  }
  const own = toError({ code: "network", message: "x", cause: new Error("secret") });
  assert.equal(ImageError.from(own), own);
  assert.ok(!JSON.stringify(own).includes("secret"), "a cause may hold what no log should");
});

test("the entry with the classes alone has them without the core", async () => {
  const alone = await load("errors.js");
  for (const name of ["ImageError", ...Object.keys(codes)]) assert.equal(alone[name], tidegate[name]);
});

test("the brand holds across bundles and realms, and nothing else has it", async () => {
  const brand = Symbol.for("tidegate.ImageError");
  const foreign = vm.runInNewContext("const e = new Error('x'); e.code = 'rate-limited'; e[brand] = true; e", {
    brand,
  });
  assert.ok(!(foreign instanceof Error));
  assert.ok(ImageError.is(foreign) && RateLimitError.is(foreign) && !ContentFilteredError.is(foreign));
  for (const not of [undefined, null, "x", {}, new Error("x"), { code: "rate-limited" }])
    assert.ok(!ImageError.is(not) && !RateLimitError.is(not));
});
