// The provider as a careful user speaks to it by hand.
import { sleep } from "./time.mjs";

/** Between polls, ms: as fal's and replicate's own clients have it. */
const POLL_EVERY = 500;
/** Polls in a row that may fail before a task is given up. */
const PATIENCE = 5;

class ProviderError extends Error {
  constructor(message, status, retryAfter = 0) {
    super(message);
    this.status = status;
    /** As the server said, ms; 0: it did not. */
    this.retryAfter = retryAfter;
  }
}

/** Whether another try may help: the connection broke, or the server says so. */
export const isTransient = ({ status = 503 }) => status === 429 || status === 409 || status >= 500;

/** Waits as long as the server said, if it did. */
export const heed = ({ retryAfter = 0 }) => (retryAfter > 0 ? sleep(retryAfter) : undefined);

const told = (headers) => {
  const [ms, after] = [headers.get("retry-after-ms"), headers.get("retry-after")];
  if (ms !== null) return Number(ms);
  if (after === null) return 0;
  return Number.isNaN(Number(after)) ? Date.parse(after) - Date.now() : Number(after) * 1_000;
};

const call = async (fetch, path, init = {}) => {
  const headers = { authorization: "Bearer sk-0", "content-type": "application/json", ...init.headers };
  const response = await fetch(`https://api.hiapi.ai${path}`, { ...init, headers });
  if (!response.ok) throw new ProviderError(`HTTP ${response.status}`, response.status, told(response.headers));
  return (await response.json()).data;
};

const post = (fetch, path, body, headers) => call(fetch, path, { method: "POST", body: JSON.stringify(body), headers });

/** A provider with tasks: the submit tells an id, under a key that makes it safe to repeat. */
export const submit = async (fetch, index) => {
  const body = { model: "gpt-image-2", input: { prompt: `picture ${index}`, size: "64x64" } };
  return (await post(fetch, "/v1/tasks", body, { "idempotency-key": `key-${index}` })).taskId;
};

/** The picture of a task; a poll that fails is repeated in place. */
export const result = async (fetch, taskId, wait = sleep) => {
  for (let failures = 0; ;) {
    await wait(POLL_EVERY);
    try {
      const { status, output } = await call(fetch, `/v1/tasks/${taskId}`);
      if (status === "success") return output[0];
      if (status === "fail") throw new ProviderError("the task has failed", 200);
      failures = 0;
    } catch (error) {
      if (!isTransient(error) || ++failures > PATIENCE) throw error;
      await heed(error);
    }
  }
};

/** A synchronous provider: the answer is the picture. */
export const draw = async (fetch, index) => {
  const body = { model: "gpt-image-2", prompt: `picture ${index}`, size: "64x64" };
  return (await post(fetch, "/v1/images/generations", body))[0];
};
