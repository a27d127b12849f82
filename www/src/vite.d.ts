/** Vite builds the worker that is named, and says where it lies. */
declare module "*?worker&url" {
  const address: string;
  export default address;
}
