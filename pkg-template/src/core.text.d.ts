// The wasm module, made by the build as text that text.ts reads. Compresses better than letters or digits at a fixed number a byte, and those better than base64.
declare const text: string;
export default text;
