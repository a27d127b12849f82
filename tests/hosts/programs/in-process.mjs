// Runs a program in a process and prints what it gave as the last line: JSON, in the end of stdout.
const input = JSON.parse((globalThis.Deno?.args ?? process.argv.slice(2))[0]);

/** What a program gave, or how it failed, in a form that travels as text. */
export async function runInProcess(tidegate, program) {
  try {
    console.log(JSON.stringify({ result: await program(tidegate, input) }));
  } catch (error) {
    console.log(JSON.stringify({ failure: String(error?.stack ?? error) }));
  }
}
