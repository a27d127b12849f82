// Imported before a server's own code: it ends when its stdin closes, and so with who started it, however that ends.
process.stdin.on("end", () => process.exit()).resume();
