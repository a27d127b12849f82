import { createClient, type Client, type Fetch } from "tidegate";
import type { Choice } from "./providers.js";

/** Whom to ask, and how. */
export interface Setup {
  choice: Choice;
  /** Kept in memory only. */
  apiKey: string;
  /** Left out: the provider's own. */
  baseURL?: string;
  /** How many tasks at once the client is told of; left out: it finds its own way. */
  concurrency?: number;
  /** The simulator in this page, where it is the one to ask. */
  fetch?: Fetch;
}

/** The client, made anew when it is set up in another way. */
export class Connection {
  readonly #watch: (client: Client) => void;
  #setup: Setup | undefined;
  #client: Client | undefined;

  /** `watch` meets every client before its first task. */
  constructor(watch: (client: Client) => void) {
    this.#watch = watch;
  }

  get client(): Client | undefined {
    return this.#client;
  }

  /** Lets the client go, with all that it has learned. */
  forget(): void {
    void this.#client?.close();
    this.#client = this.#setup = undefined;
  }

  /** The client for this set-up. Throws what the package throws where the set-up is wrong. */
  use(setup: Setup): Client {
    if (this.#client && this.#setup && isSame(this.#setup, setup)) return this.#client;
    const { choice, apiKey, baseURL, concurrency, fetch } = setup;
    const client = createClient({
      providers: choice.create({
        apiKey,
        ...(baseURL !== undefined && { baseURL }),
        ...(concurrency !== undefined && { limits: { concurrency } }),
      }),
      fetch,
      // The simulator's key is none; with a key of their own the form warns.
      dangerouslyAllowBrowser: true,
    });
    void this.#client?.close();
    this.#setup = setup;
    this.#client = client;
    this.#watch(client);
    return client;
  }
}

const isSame = (one: Setup, other: Setup): boolean =>
  one.choice === other.choice &&
  one.apiKey === other.apiKey &&
  one.baseURL === other.baseURL &&
  one.concurrency === other.concurrency &&
  one.fetch === other.fetch;
