// Processes: Node, Deno and Bun, by `import` and by `require`.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { program } from "../harness.mjs";
import { fetchFailuresRow } from "./fetch-failures.mjs";
import { FETCH_OF_RUNTIMES, hostileRow } from "./hostile.mjs";

const { resolve } = createRequire(import.meta.url);
const { arch } = process;
const folderOf = (name) => dirname(resolve(`${name}/package.json`));

const node = (version) => () => join(folderOf(`node-${version}-linux-${arch}`), "bin/node");
const bun = () => join(folderOf(`@oven/bun-linux-${arch === "arm64" ? "aarch64" : arch}`), "bin/bun");
const deno = () => join(folderOf(`@deno/linux-${arch}-glibc`), "deno");

/** Where Deno may go; 255.255.255.255 is where no way leads. */
const NET = "127.0.0.1,localhost,provider.invalid,255.255.255.255";

const RUNTIMES = [
  ["Node 20", node(20), [], { limit: 1_800 }],
  ["Node 22", node(22), [], { limit: 1_800 }],
  ["Node 24", node(24), [], { limit: 1_800 }],
  // No other permission than the network's; what a script imports by name is its own.
  [
    "Deno",
    deno,
    ["run", "--no-prompt", `--allow-net=${NET}`],
    { at: { "host that is not allowed": "https://other.invalid" } },
  ],
  ["Bun", bun, [], { limit: 9_000 }],
];

async function runIn(context, path, words, entry, programName, env) {
  const folder = await context.folder({
    [entry]: program(entry),
    "in-process.mjs": program("in-process.mjs"),
    "program.mjs": program(programName),
  });
  const version = (await context.run(path, ["--version"])).trim().split("\n")[0];
  const input = JSON.stringify(context.input);
  const result = await context.inProcess(path, [...words, entry, input], {
    cwd: folder,
    env: { ...process.env, ...env },
  });
  return { version: /\d+\.\d+\.\d+/.exec(version)[0], ...result };
}

export const rows = RUNTIMES.flatMap(([name, path, words = [], failures]) => [
  ...[
    ["import", "entry.mjs"],
    ["require", "entry.cjs"],
  ].map(([way, entry]) => ({
    name: `${name}, ${way}`,
    group: "Runtimes",
    run: (context) => runIn(context, path(), words, entry, "generate.mjs"),
  })),
  hostileRow(
    name,
    "Runtimes",
    (context, program) => runIn(context, path(), words, "entry.mjs", program),
    FETCH_OF_RUNTIMES,
  ),
  fetchFailuresRow(
    name,
    "Runtimes",
    // Bun's limit is for all of a process, in steps of four seconds.
    (context, program, env) =>
      runIn(context, path(), words, "entry.mjs", program, { ...env, BUN_CONFIG_HTTP_IDLE_TIMEOUT: "1" }),
    failures,
  ),
]);
