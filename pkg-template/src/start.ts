import type { Core, CoreConfig, Host, instantiate } from "./core.js";
import { refuse } from "./options.js";
import { toText } from "./request.js";

let glue: typeof instantiate | undefined;
let source: (() => object) | undefined;
let compiled: object | undefined;

/** @internal Whether each call must do its own I/O, as on Workers, where one request's promises and timers die with it. */
export let separate = false;

/** @internal Workers open six connections a request; what else keeps requests apart is taken to be built like them. */
export const connections = (): number | undefined => (separate ? 6 : undefined);

/** @internal Entries say what starts the core; nothing is decoded or compiled yet. */
export function provide(instantiateCore: typeof instantiate, given?: () => object, perCall = false): void {
  glue = instantiateCore;
  // The entry without the wasm may come after one that has it, by way of a library.
  source = given ?? source;
  separate ||= perCall;
}

/**
 * Gives the compiled wasm module ("tidegate/core.wasm"), or its bytes, before the first call. Synchronous; later calls do nothing.
 *
 * @param given a `WebAssembly.Module` or the bytes of one
 * @throws InvalidRequestError if it is something else, as what some bundlers make of a wasm import
 */
export function start(given: object): void {
  if (!isBytes(given) && tag(given) !== "WebAssembly.Module") {
    refuse("module", "must be a WebAssembly.Module or its bytes");
  }
  compile(given);
}

// By tag, since a module or a buffer from another realm fails instanceof.
const tag = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);
const isBytes = (given: object): boolean => ArrayBuffer.isView(given) || tag(given) === "ArrayBuffer";

const compile = (given: object): void => {
  compiled ??= isBytes(given) ? new WebAssembly.Module(given as BufferSource) : given;
};

/** What the entry or the caller has given, compiled and instantiated. */
function load(): ReturnType<typeof instantiate> {
  try {
    if (!compiled) compile(source!());
    return glue!(compiled!);
  } catch (cause) {
    // Engines name the policy at most, and not all of them what it lacks.
    throw new Error(`WebAssembly is refused here (a page's script-src needs 'wasm-unsafe-eval'): ${cause}`, { cause });
  }
}

/** @internal A core of its own scope, from the one module; it starts here on first use. */
export function createCore(host: Host, config: CoreConfig): Core {
  if (!compiled && !source) throw new Error('call start(module) of "tidegate/slim" first');
  const { Core } = load();
  // A core after a trap must not make the keys of the one before.
  const seed = () => String(crypto.getRandomValues(new BigUint64Array(1))[0]);
  return new Core(host, toText({ ...config, seed: config.seed ?? seed() }));
}
