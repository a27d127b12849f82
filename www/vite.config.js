import { defineConfig } from "vite";

export default defineConfig({
  // The page works below any path.
  base: "./",
  build: {
    target: "es2022",
    // Small pictures stay files: the page's policy need not allow more data addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  worker: {
    format: "es",
  },
  server: {
    host: "127.0.0.1",
    // The package lies beside the page.
    fs: { allow: [".", "../pkg"] },
  },
});
