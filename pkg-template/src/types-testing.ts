import type { Fetch } from "./types-host.js";
import type { Target } from "./types-task.js";
import type { Clock } from "./types.js";

/**
 * The weather that a test asks for by name.
 *
 * - `"calm"`: 4 tasks at once, each of 8 to 30 s, no faults. What there is without any configuration.
 * - `"cap-drop"`: 8 tasks at once; from 30 s on only 3.
 * - `"outage"`: from 20 s to 50 s every request is answered 503.
 * - `"lost-answers"`: one submit in four makes a task, and its answer never arrives; one poll in ten is lost too.
 */
export type Scenario = "calm" | "cap-drop" | "outage" | "lost-answers" | (string & {});

/** How often something goes wrong, 0 to 1. */
export interface SimulatorFaults {
  /** A submit or a poll is answered 503; the submit made no task. @default 0 */
  serverError?: number | undefined;
  /** A submit makes a task, which is charged, and its answer is lost: a network error. @default 0 */
  lostAnswer?: number | undefined;
  /** A task ends as refused by the content policy, not charged. @default 0 */
  filtered?: number | undefined;
}

/**
 * What stands between you and the provider. Numbers are probabilities, 0 to 1, unless they are ms. What is "not asked" never reaches the provider;
 * what is "thrown away" the provider has made, and charges for.
 */
export interface SimulatorIntermediary {
  /** A relay sends blanks before an answer's JSON, to keep the connection open. @default 0 */
  blanks?: number | undefined;
  /** A relay lets a document about its own trouble follow a whole answer. @default 0 */
  secondDocument?: number | undefined;
  /** A relay answers a submit as server-sent events that nobody asked for. @default 0 */
  stream?: number | undefined;
  /** A relay answers a submit 200 before it knows better: what is refused or fails stands in the body alone. @default 0 */
  earlyStatus?: number | undefined;
  /** A relay loses the provider's answer to a submit (thrown away) and says 500 in its own name. @default 0 */
  failure?: number | undefined;
  /** A relay answers a synchronous submit with a task of its own, to be polled at the relay. @default 0 */
  task?: number | undefined;
  /** How it says so: 202 with `Location`; 200 with an id alone; 200 with an id and where to ask. @default "mixed": one of them each time */
  taskForm?: "location" | "body" | "status-url" | "mixed" | undefined;
  /** How a relay spells base64. @default "standard"; "mixed" is one of the others each time */
  base64?: "standard" | "url-safe" | "unpadded" | "lines" | "data-url" | "mixed" | undefined;
  /** A relay answers with the bytes of the only image. @default 0 */
  rawImage?: number | undefined;
  /** Where a relay says that pictures are: as the provider does, by a path, or at its own origin. @default "provider" */
  pictures?: "provider" | "relative" | "absolute" | undefined;
  /** The relay's own origin, for the addresses that it names. @default that of the simulator's pictures; tasks are named by a path */
  origin?: string | undefined;
  /** How a relay hands errors on. @default "provider", unchanged; "mixed" is one of the others each time */
  errors?: "provider" | "litellm" | "one-api" | "nested" | "list" | "detail" | "mixed" | undefined;
  /** A relay sends one image more than was made. @default 0 */
  surplus?: number | undefined;
  /** Which requests a content delivery network and a load balancer strike. @default "both" */
  strikes?: "submits" | "polls" | "both" | undefined;
  /** Cloudflare's 521, 522, 523 or 530: not asked. @default 0 */
  unreached?: number | undefined;
  /** Cloudflare's 403 with `cf-mitigated: challenge`: not asked. @default 0 */
  challenge?: number | undefined;
  /** Cloudflare's 429 for error 1015: not asked. @default 0 */
  rateLimited?: number | undefined;
  /** Cloudflare's 520: thrown away. @default 0 */
  unreadable?: number | undefined;
  /** Cloudflare's 524: thrown away. @default 0 */
  tooLate?: number | undefined;
  /** After how many ms any answer is too late. @default Infinity; Cloudflare's is 100,000 */
  timeoutMs?: number | undefined;
  /** A load balancer's HTML 502: thrown away. @default 0 */
  badGateway?: number | undefined;
  /** A load balancer's HTML 503: not asked. @default 0 */
  unavailable?: number | undefined;
  /** A load balancer's HTML 504: thrown away. @default 0 */
  gatewayTimeout?: number | undefined;
  /** A load balancer's empty 460: thrown away. @default 0 */
  clientLeft?: number | undefined;
  /** A load balancer's empty 499: thrown away. @default 0 */
  clientClosed?: number | undefined;
  /** For how many ms after a task's end its picture is not there yet. @default 0 */
  pictureLateMs?: number | undefined;
  /** What its store says until then. @default "404" */
  pictureLateStatus?: "404" | "403" | "503" | "mixed" | undefined;
}

/** What may change while a simulator runs. */
export interface SimulatorChanges {
  /** Tasks that may run at once; one more is refused with 429. `Infinity`: no limit. @default 4 */
  cap?: number | undefined;
  /** Accepted submits in any 60 s; one more is refused with 429. @default Infinity */
  rpm?: number | undefined;
  /** How long tasks run, in ms, drawn evenly. @default about 14 s, from 8 to 30 s, as real ones */
  durationMs?: readonly [min: number, max: number] | undefined;
  faults?: SimulatorFaults | undefined;
  /** A relay, a delivery network, a slow store of pictures. @default nothing stands between */
  intermediary?: SimulatorIntermediary | undefined;
  /** The round trip of a request in ms, half before and half after the provider acts. @default 50 */
  latencyMs?: number | undefined;
  /**
   * Further settings of the provider, by the names that `cargo run -p tidegate-simulator -- --help` lists, with underscores:
   * `{ dialect: "b", hint: "seconds", rpd: 100, truncated_json: 0.1 }`. They win over what the other fields say.
   */
  settings?: Readonly<Record<string, unknown>> | undefined;
}

/** How a simulator begins. */
export interface SimulatorConfig extends SimulatorChanges {
  /** What to begin from; the other fields change it. @default "calm" */
  scenario?: Scenario | undefined;
  /**
   * - `"virtual"`: time stands still while anything is under way, and jumps to the next timer as soon as nothing is. Minutes pass in milliseconds, alike
   *   on every machine, and nothing needs to be advanced by hand. What takes real time elsewhere (a store on a disk) is waited for only a little: at most
   *   1 ms for 10 s of virtual time.
   * - `"manual"`: time moves by `advance` alone. For tests of a user interface, which look at every stage at their leisure.
   * - `"real"`: the host's clock and timers. For demos.
   *
   * @default "virtual": tests should neither wait nor depend on how long a machine takes
   */
  clock?: "virtual" | "manual" | "real" | undefined;
  /** Seed of every draw of the provider, and of the client's jitter. The same seed gives the same run. @default 1 */
  seed?: number | undefined;
  /** Whether images are drawn, which takes 0.1 to 0.2 s each; else they are black, and of the asked size too. @default false, with the real clock true */
  pictures?: boolean | undefined;
}

/** A charge: what the provider's bill says, whatever its client knows of it. */
export interface SimulatorCharge {
  taskId: string;
  target: Target;
  images: number;
  /** In US dollars. */
  amount: number;
  /** Whether an answer has told the client of the success. */
  delivered: boolean;
}

/** What the provider has seen. */
export interface SimulatorStats {
  /** Submits that arrived, refused and repeated ones too. */
  submits: number;
  /** Requests answered with 429. */
  refusals: number;
  polls: number;
  /** The most tasks that ran at once. */
  peak: number;
}

/** The provider in full, under the names of its settings, counts and charges. For demos and consoles; tests have `configure`, `stats` and `ledger`. */
export interface SimulatedWorld {
  settings(): Record<string, unknown>;
  /** Changes some settings; none when one is refused. @throws TypeError that names the setting */
  change(settings: Readonly<Record<string, unknown>>): void;
  stats(): Record<string, number>;
  ledger(): Record<string, unknown>[];
}

/** A provider without a network. */
export interface Simulator {
  /** `createClient({ providers, ...simulator.options })`: its fetch, its seed, and its clock if that is not the real one. */
  readonly options: { readonly fetch: Fetch; readonly testing: { readonly seed: number; readonly clock?: Clock } };
  /**
   * Answers for every origin, by path, and takes any key but "sk-bad": a provider's usual address does, and so does your proxy's. Honours signals. A
   * request without a key counts as coming from your proxy, which would have added it.
   */
  readonly fetch: Fetch;
  /** Milliseconds since the simulator began, by its clock. */
  now(): number;
  /**
   * Lets `ms` pass, and everything that is due until then happen. Resolves with time at just that point: what is awaited next from the client alone lets
   * it go on. With the real clock it waits so long.
   */
  advance(ms: number): Promise<void>;
  /** Changes the provider from now on; what is left out stays. @throws TypeError that names the field */
  configure(changes: SimulatorChanges): void;
  /** The charges so far, in the order of time. */
  ledger(): SimulatorCharge[];
  stats(): SimulatorStats;
  readonly world: SimulatedWorld;
}
