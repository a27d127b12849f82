/** What a static import of the wasm file is on Workers, and wherever a bundler compiles it: a module to be given to `start` of "tidegate/slim". */
declare const module: typeof globalThis extends { WebAssembly: { Module: { prototype: infer Module } } }
  ? Module
  : object;
export default module;
