// Runs a program in a page or in a worker and reports to the harness what it gave.

/** The input that the harness gave by the page's address. */
export const inputOfPage = () => JSON.parse(decodeURIComponent(location.hash.slice(1)));

/** Reports to the address in `input.report`. */
export async function runInPage(tidegate, program, input = inputOfPage()) {
  const report = (outcome) => fetch(input.report, { method: "POST", body: JSON.stringify(outcome) });
  try {
    await report({ result: await program(tidegate, input) });
  } catch (error) {
    await report({ failure: `${error} ${error?.stack ?? ""}` });
  }
}
