// The simulator's wasm module, made by the build as text that text.ts reads.
declare const text: string;
export default text;
