// The simulator's wasm module, made by the build: each byte as a letter from a to p and one from A to P.
declare const hex: string;
export default hex;
