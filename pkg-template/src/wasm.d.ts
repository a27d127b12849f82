// What hosts make of a static import of a wasm file: a compiled module.
declare module "*.wasm" {
  const module: object;
  export default module;
}
declare module "*.wasm?module" {
  const module: object;
  export default module;
}
