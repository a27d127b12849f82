import { callSite, locate } from "./call-site.js";
import type { Core } from "./core.js";
import { toError } from "./errors.js";
import type { Guard, Live } from "./guard.js";

/** What ends whatever is asked of a closed client. */
export const closedError = { code: "cancelled", message: "The client is closed." };

/** What is asked of the core by a number, as a task is, and answered once. */
export interface Inquiry<T> {
  readonly number: number;
  readonly owner: number;
  /** Asks a core, the first or the next after a trap. */
  readonly ask: (core: Core) => void;
  /** Makes what the caller gets of the core's plain answer. */
  readonly read: (answer: object) => T;
  /** It is over, one way or the other. */
  readonly over?: () => void;
}

/** Asks the core. */
export function inquire<T>(guard: Guard, { number, owner, ask, read, over }: Inquiry<T>): Promise<T> {
  const called = callSite(inquire);
  return new Promise((resolve, reject) => {
    let end = (): void => {};
    const live: Live = {
      number,
      owner,
      key: "",
      records: new Map(),
      sent: [],
      traps: 0,
      register: (core) => {
        ask(core);
        return "";
      },
      update: () => {},
      sync: () => {
        if (guard.here(owner)) end();
      },
      settle: (kind, value) => {
        guard.remove(live);
        if (kind === "succeeded") {
          const answer = read(value);
          end = () => resolve(answer);
        } else {
          const { trouble } = live;
          const plain = kind === "cancelled" ? closedError : trouble === undefined ? {} : { cause: trouble };
          end = () => reject(locate(toError({ ...plain, ...value }), called));
        }
        over?.();
        live.sync();
      },
    };
    guard.add(live);
  });
}
