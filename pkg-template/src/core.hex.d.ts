// The wasm module, made by the build: each byte as a letter from a to p and one from A to P. Compresses better than hexadecimal digits, and those better than base64.
declare const hex: string;
export default hex;
