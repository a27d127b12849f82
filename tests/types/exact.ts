// Compiled under exactOptionalPropertyTypes, never run: whatever users pass in takes `undefined` as left out.
import { expectTypeOf } from "expect-type";
import { hiapi } from "tidegate";
import type {
  BatchOptions,
  BatchRequest,
  CallOptions,
  Client,
  ClientOptions,
  Conversion,
  ImageRequest,
  Limits,
  ProviderOptions,
  RetryPolicy,
} from "tidegate";
import type { SimulatorChanges, SimulatorConfig, SimulatorFaults, SimulatorIntermediary } from "tidegate/testing";

/** The optional properties that don't take `undefined`. */
type Refusing<T> = {
  [Name in keyof T]-?: object extends Pick<T, Name>
    ? { [Only in Name]: undefined } extends Pick<T, Name>
      ? never
      : Name
    : never;
}[keyof T];

expectTypeOf<Refusing<{ strict?: string; lenient?: string | undefined; needed: string }>>().toEqualTypeOf<"strict">();
expectTypeOf<Refusing<ClientOptions>>().toBeNever();
expectTypeOf<Refusing<NonNullable<ClientOptions["testing"]>>>().toBeNever();
expectTypeOf<Refusing<RetryPolicy>>().toBeNever();
expectTypeOf<Refusing<Limits>>().toBeNever();
expectTypeOf<Refusing<ImageRequest>>().toBeNever();
expectTypeOf<Refusing<CallOptions>>().toBeNever();
expectTypeOf<Refusing<BatchOptions>>().toBeNever();
expectTypeOf<Refusing<BatchRequest<string>>>().toBeNever();
expectTypeOf<Refusing<Conversion>>().toBeNever();
expectTypeOf<Refusing<NonNullable<Parameters<Client["on"]>[2]>>>().toBeNever();
expectTypeOf<Refusing<SimulatorConfig>>().toBeNever();
expectTypeOf<Refusing<SimulatorChanges>>().toBeNever();
expectTypeOf<Refusing<SimulatorFaults>>().toBeNever();
expectTypeOf<Refusing<SimulatorIntermediary>>().toBeNever();

// The one exception: a missing environment variable should be seen, here and at run time.
expectTypeOf<Refusing<ProviderOptions>>().toEqualTypeOf<"apiKey">();
declare const maybe: string | undefined;
// @ts-expect-error: it may be undefined
hiapi({ apiKey: maybe });
// @ts-expect-error: the same, said outright
hiapi({ apiKey: undefined });
hiapi({ baseURL: "https://proxy.test", headers: undefined, account: undefined, limits: undefined });
