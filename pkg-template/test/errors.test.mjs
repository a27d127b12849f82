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
