// The promised compilers, over a user's files in a folder where the tarball is installed.
import { execFile } from "node:child_process";
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const execute = promisify(execFile);
const here = fileURLToPath(new URL(".", import.meta.url));
const require = createRequire(import.meta.url);

/** A folder of a user with the tarball installed and these files in it, by their text; git ignores it. */
export async function userFolder(tarball, name, files) {
  if (!tarball) throw new Error("the variable TIDEGATE_TARBALL names no tarball");
  const folder = join(here, "work", name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  await execute("npm", ["install", "--offline", "--no-audit", "--no-package-lock", tarball], { cwd: folder });
  for (const file of files) await cp(join(here, file), join(folder, file));
  return folder;
}

const MODULES = { bundler: "ESNext", node16: "Node16", nodenext: "NodeNext", node10: "CommonJS" };
const LIBRARIES = {
  "no library": { lib: ["ES2022"], types: [] },
  DOM: { lib: ["ES2022", "DOM"], types: [] },
  "Node's types": { lib: ["ES2022"], types: ["node"] },
  "Workers' types": { lib: ["ES2022"], types: ["@cloudflare/workers-types"] },
};

/** What a user who wants to know everything sets, with declarations of packages checked too. */
const optionsOf = ({ version, resolution, library, exact }) => ({
  module: MODULES[resolution],
  moduleResolution: resolution,
  target: "ES2022",
  strict: true,
  exactOptionalPropertyTypes: exact,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  // Of TypeScript's own libraries alone, half of the time; ours are checked.
  skipDefaultLibCheck: true,
  noEmit: true,
  ...LIBRARIES[library],
  ...(resolution === "node10" && version === "6.0" && { ignoreDeprecations: "6.0" }),
});

/** The compiler's complaints about the files, one a line; "" when there are none. */
export async function complaints(folder, files, cell) {
  const compilerOptions = optionsOf(cell);
  return cell.version === "7.0" ? byProgram(folder, files, compilerOptions) : byLibrary(folder, files, cell);
}

async function byProgram(folder, files, compilerOptions) {
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  // The checkout's own compiler, which has no library.
  const compiler = join(
    dirname(createRequire(join(here, "../../package.json")).resolve("typescript/package.json")),
    "bin/tsc",
  );
  return execute(process.execPath, [compiler, "--project", folder, "--pretty", "false"], { cwd: folder }).then(
    () => "",
    (error) => error.stdout || String(error),
  );
}

/** Libraries that were parsed once, by version and name: most of the time otherwise. */
const parsed = new Map();

function byLibrary(folder, files, cell) {
  const ts = require(`typescript-${cell.version}`);
  const { options, errors } = ts.convertCompilerOptionsFromJson(optionsOf(cell), folder);
  const host = ts.createCompilerHost(options);
  const { getSourceFile } = host;
  host.getSourceFile = (name, ...rest) => {
    if (!/[\\/](lib\.[^\\/]*|index)\.d\.ts$/.test(name) || name.startsWith(folder)) return getSourceFile(name, ...rest);
    const key = `${cell.version} ${name}`;
    if (!parsed.has(key)) parsed.set(key, getSourceFile(name, ...rest));
    return parsed.get(key);
  };
  host.getCurrentDirectory = () => folder;
  const program = ts.createProgram(
    files.map((file) => join(folder, file)),
    options,
    host,
  );
  return ts.formatDiagnostics([...errors, ...ts.getPreEmitDiagnostics(program)], host);
}
