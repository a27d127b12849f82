import { isTime, latency, oneOf, rule, share, type Rule } from "./simulator-rules.js";
import type { SimulatorIntermediary } from "./types-testing.js";

type Field = keyof SimulatorIntermediary;

const patience = rule((v) => v === Infinity || isTime(v), "must be a number of ms, or Infinity");
const text = rule((v) => typeof v === "string", "must be a string");

/** Each field: what it may be, and the world's name for it. */
const fields: Readonly<Record<Field, readonly [setting: string, rule: Rule]>> = {
  blanks: ["relay_blanks", share],
  secondDocument: ["relay_second_document", share],
  stream: ["relay_stream", share],
  earlyStatus: ["relay_early_status", share],
  failure: ["relay_failure", share],
  task: ["relay_task", share],
  taskForm: ["relay_task_form", oneOf("location", "body", "status-url", "mixed")],
  base64: ["relay_base64", oneOf("standard", "url-safe", "unpadded", "lines", "data-url", "mixed")],
  rawImage: ["relay_raw", share],
  pictures: ["relay_pictures", oneOf("provider", "relative", "absolute")],
  origin: ["relay_origin", text],
  errors: ["relay_errors", oneOf("provider", "litellm", "one-api", "nested", "list", "detail", "mixed")],
  surplus: ["relay_surplus", share],
  strikes: ["cdn_on", oneOf("submits", "polls", "both")],
  unreached: ["cdn_unreached", share],
  challenge: ["cdn_challenge", share],
  rateLimited: ["cdn_1015", share],
  unreadable: ["cdn_520", share],
  tooLate: ["cdn_524", share],
  timeoutMs: ["cdn_timeout_ms", patience],
  badGateway: ["gateway_502", share],
  unavailable: ["gateway_503", share],
  gatewayTimeout: ["gateway_504", share],
  clientLeft: ["gateway_460", share],
  clientClosed: ["gateway_499", share],
  pictureLateMs: ["store_late_ms", latency],
  pictureLateStatus: ["store_status", oneOf("404", "403", "503", "mixed")],
};

/** What each field may be. */
export const betweenRules: Record<string, Rule> = Object.fromEntries(
  Object.entries(fields).map(([name, [, rule]]) => [name, rule]),
);

/** The same in the world's terms: whole ms, and none for what never ends. */
export function betweenSettings(intermediary: SimulatorIntermediary): Record<string, unknown> {
  const told = Object.entries(intermediary).map(([name, value]) => {
    const isTime = typeof value === "number" && name.endsWith("Ms");
    return [fields[name as Field][0], value === Infinity ? null : isTime ? Math.round(value) : value];
  });
  return Object.fromEntries(told) as Record<string, unknown>;
}
