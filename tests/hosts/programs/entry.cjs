const tidegate = require("tidegate");

import("./in-process.mjs").then(async ({ runInProcess }) => {
  const { default: program } = await import("./program.mjs");
  await runInProcess(tidegate, program);
});
