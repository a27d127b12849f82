import type { Core, CoreConfig, Host, instantiate } from "./core.js";

let glue: typeof instantiate | undefined;
let source: (() => object) | undefined;
let compiled: object | undefined;

/** @internal Whether each call must do its own I/O, as on Workers, where one request's promises and timers die with it. */
export let separate = false;

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
 */
export function start(given: object): void {
  // By tag, since a module or a buffer from another realm fails instanceof.
  const bytes = ArrayBuffer.isView(given) || Object.prototype.toString.call(given) === "[object ArrayBuffer]";
  compiled ??= bytes ? new WebAssembly.Module(given as BufferSource) : given;
}

/** What the entry or the caller has given, compiled and instantiated. */
function load(): ReturnType<typeof instantiate> {
  try {
    if (!compiled) start(source!());
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
  return new Core(host, config);
}
