// LiteLLM's proxy as a process of ours: its configuration, its start and its end.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export const RELAY_KEY = "sk-relay";
export const UPSTREAM_KEY = "sk-upstream";

/** The models of the relay. */
const models = (base) => {
  const model = (name, parameters) => ({
    model_name: name,
    litellm_params: { model: "openai/gpt-image-2", api_base: base, api_key: UPSTREAM_KEY, ...parameters },
  });
  return [
    // As most people write it. What fails the relay then sends again by itself, up to nine times in all.
    model("gpt-image-2", {}),
    model("impatient", { timeout: 3 }),
    model("bad-key", { api_key: "sk-bad" }),
    model("gone", { model: "openai/gpt-image-0" }),
    // Two deployments: one alone is never rested.
    model("pool", {}),
    model("pool", { timeout: 60 }),
  ];
};

/**
 * The header by which a request tells the relay's router not to try again. OpenAI's client within the relay still does so twice: this version of LiteLLM
 * takes `max_retries` out of the parameters of a model of images and never hands it on (`litellm/images/main.py`, `openai_params`).
 */
export const ONCE = { "x-litellm-num-retries": "0" };

/** A port on which nobody listens. */
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/**
 * Starts the proxy in front of `upstream`, and waits until it listens.
 *
 * @param program its command
 * @param folder where its configuration and its log go
 */
export async function startLiteLlm(program, folder, upstream) {
  const port = await freePort();
  const config = join(folder, "config.yaml");
  // JSON is YAML.
  writeFileSync(
    config,
    JSON.stringify({
      model_list: models(`${upstream}/v1`),
      general_settings: { master_key: RELAY_KEY },
      litellm_settings: { telemetry: false },
    }),
  );
  const words = ["--config", config, "--host", "127.0.0.1", "--port", `${port}`, "--telemetry", "False"];
  const child = spawn(program, words, {
    cwd: folder,
    // Nothing of the user's: no key of theirs is for a relay that is only tried, and no proxy lies on the way to this machine.
    env: { PATH: process.env.PATH, HOME: folder, LITELLM_LOCAL_MODEL_COST_MAP: "True", NO_PROXY: "*" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const log = createWriteStream(join(folder, "proxy.log"));
  child.stdout.pipe(log);
  child.stderr.pipe(log);
  const kill = () => child.kill("SIGKILL");
  process.on("exit", kill);
  const url = `http://127.0.0.1:${port}`;
  for (const end = Date.now() + 120_000; ; await sleep(250)) {
    if (child.exitCode !== null || Date.now() > end)
      throw new Error(`LiteLLM does not listen; see ${folder}/proxy.log`);
    const alive = await fetch(`${url}/health/liveliness`).catch(() => undefined);
    if (alive?.ok) break;
  }
  return {
    url,
    async stop() {
      process.off("exit", kill);
      if (child.exitCode !== null) return;
      child.kill("SIGTERM");
      await Promise.race([once(child, "exit"), sleep(5_000)]);
      kill();
    },
  };
}
