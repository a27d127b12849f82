// Browsers by the WebDriver protocol, of which three commands are enough: pages report by themselves what they did.
import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { listen } from "./pages.mjs";

/** How long a driver and its browser may take to start, in milliseconds. */
const START_LIMIT = 60_000;

const program = (variable) => {
  const path = process.env[variable];
  if (!path) throw new Error(`the variable ${variable} names no program (\`cargo xtask hosts\` sets it)`);
  return path;
};

const KINDS = {
  Chromium: {
    command: (port) => [program("CHROMEDRIVER"), `--port=${port}`],
    capabilities: () => ({
      "goog:chromeOptions": {
        binary: program("CHROMIUM"),
        args: [
          "--headless=new",
          "--no-sandbox",
          "--disable-gpu",
          "--disable-dev-shm-usage",
          "--disable-background-networking",
        ],
      },
    }),
  },
  Firefox: {
    command: (port) => [program("GECKODRIVER"), "--port", port, "--websocket-port", "0"],
    capabilities: () => ({ "moz:firefoxOptions": { binary: program("FIREFOX"), args: ["-headless"] } }),
  },
  WebKitGTK: {
    // It has no headless mode, hence the virtual display.
    command: (port) => ["xvfb-run", "-a", "dbus-run-session", "--", program("WEBKITDRIVER"), `--port=${port}`],
    capabilities: () => ({}),
  },
};

/** The browsers that rows have asked for, each started once. */
export class Browsers {
  #started = new Map();

  /** `{ version, open(url) }` of Chromium, Firefox or WebKitGTK; `trusting` is one of its own that takes any certificate. */
  get(name, trusting = false) {
    const key = `${name} ${trusting}`;
    if (!this.#started.has(key)) this.#started.set(key, start(KINDS[name], trusting));
    return this.#started.get(key);
  }

  async close() {
    await Promise.all(
      [...this.#started.values()].map((browser) =>
        browser.then(
          ({ close }) => close(),
          () => {},
        ),
      ),
    );
  }
}

async function start({ command, capabilities }, trusting) {
  const port = await freePort();
  const driver = `http://127.0.0.1:${port}`;
  const [name, ...parameters] = command(port);
  // A group of its own, so that it ends with all that it started.
  const child = spawn(name, parameters.map(String), { detached: true, stdio: ["ignore", "ignore", "pipe"] });
  let complaints = "";
  child.stderr.on("data", (text) => (complaints = (complaints + text).slice(-2000)));
  let ended;
  child
    .on("error", (error) => (ended = error.message))
    .on("exit", (code) => (ended = `it ended with exit code ${code}`));
  const end = () => {
    try {
      process.kill(-child.pid, "SIGTERM");
    } catch {
      // It has ended already.
    }
  };
  process.on("exit", end);
  try {
    await isReady(driver, () => ended);
    const session = await ask(driver, "POST", "/session", {
      capabilities: {
        alwaysMatch: { ...capabilities(), acceptInsecureCerts: trusting, timeouts: { pageLoad: 30_000 } },
      },
    });
    const at = `/session/${session.sessionId}`;
    return {
      version: session.capabilities.browserVersion,
      open: (url) => ask(driver, "POST", `${at}/url`, { url }),
      close: async () => {
        await ask(driver, "DELETE", at).catch(() => {});
        end();
      },
    };
  } catch (error) {
    end();
    throw new Error(`${name}: ${error.message}\n${complaints}`, { cause: error });
  }
}

async function freePort() {
  const server = await listen(() => {});
  server.close();
  return Number(new URL(server.url).port);
}

async function isReady(driver, ended) {
  for (const until = Date.now() + START_LIMIT; Date.now() < until; await sleep(50)) {
    if (ended()) throw new Error(ended());
    const status = await ask(driver, "GET", "/status").catch(() => undefined);
    if (status?.ready) return;
  }
  throw new Error(`it was not ready within ${START_LIMIT / 1000} s`);
}

async function ask(driver, method, path, body) {
  const response = await fetch(`${driver}${path}`, {
    method,
    signal: AbortSignal.timeout(START_LIMIT),
    ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  const { value } = await response.json();
  if (!response.ok) throw new Error(`${value.error}: ${value.message}`);
  return value;
}
