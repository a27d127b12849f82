// The wasm module as hexadecimal text, made by the build; hex compresses better than base64.
declare const hex: string;
export default hex;
