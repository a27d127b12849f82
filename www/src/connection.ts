import { createClient, hiapi, type Client } from "tidegate";

/** The client, made anew when it is told another number of tasks at once. */
export class Connection {
  readonly #simulator: string;
  readonly #watch: (client: Client) => void;
  #told = 0;
  #client: Client | undefined;

  /** `watch` meets every client before its first task. */
  constructor(simulator: string, watch: (client: Client) => void) {
    this.#simulator = simulator;
    this.#watch = watch;
  }

  get client(): Client | undefined {
    return this.#client;
  }

  /** The client for this number of tasks at once. */
  use(told: number): Client {
    if (this.#client && this.#told === told) return this.#client;
    void this.#client?.close();
    this.#told = told;
    this.#client = createClient({
      providers: hiapi({ apiKey: "sk-demo", baseURL: this.#simulator, limits: { concurrency: told } }),
      // The key is none: the simulator takes any.
      dangerouslyAllowBrowser: true,
    });
    this.#watch(this.#client);
    return this.#client;
  }
}
