import * as tidegate from "tidegate";
import { runInProcess } from "./in-process.mjs";
import program from "./program.mjs";

await runInProcess(tidegate, program);
