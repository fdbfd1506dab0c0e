/**
 * An application's part of NextAuth's options that writes down what NextAuth calls, in which order and with what.
 */
import * as installed from "next-auth/jwt";
import { memoryAdapter, type MemoryAdapter } from "../../next-auth/support/memory-adapter.ts";

/** What callbacks, events and adapter methods are called with, as far as these tests look at it. */
export interface Params {
  readonly account?: Readonly<Record<string, unknown>> | null;
  readonly session?: unknown;
  readonly token?: Readonly<Record<string, unknown>> | string | null;
  readonly user?: Readonly<Record<string, unknown>>;
  readonly [member: string]: unknown;
}

/** One call. */
export interface Call {
  /** `jwt`, `events.signIn`, `jwt.encode`, `adapter.createSession`, ... */
  readonly name: string;
  readonly params: Params;
  readonly result: unknown;
}

type Run = (params: Params) => unknown;

/** What a test puts in the place of an application's functions. */
export interface Own {
  readonly signIn?: Run;
  readonly jwt?: Run;
  readonly session?: Run;
  readonly encode?: Run;
  readonly decode?: Run;
  readonly events?: Readonly<Record<string, Run>>;
  /** Everything else of NextAuth's `jwt`. */
  readonly jwtOptions?: object;
  /** With an adapter, whose tables are maps, and methods that take the place of its own. */
  readonly adapter?: true | object;
  /** Everything else of NextAuth's options. */
  readonly options?: object;
}

/** The options, and what was called. */
export interface Observed {
  readonly options: object;
  readonly calls: Call[];
  /** The names of the calls so far, in order. */
  readonly names: () => string[];
  /** The last call of a name. Throws if there was none. */
  readonly last: (name: string) => Call;
  readonly tables: MemoryAdapter;
}

const EVENTS = ["signIn", "signOut", "session", "createUser", "updateUser", "linkAccount"];

/** Builds the options. Without `own` every callback does what NextAuth's own does. */
export function observed(own: Own = {}): Observed {
  const calls: Call[] = [];
  const tables = memoryAdapter();
  const overrides = own.adapter === true ? {} : own.adapter;
  const noting = (name: string, run: Run): Run => {
    return (params) => {
      const call = { name, params, result: undefined as unknown };
      calls.push(call);
      return (call.result = run(params));
    };
  };
  const noted = (prefix: string, methods: object): object =>
    Object.fromEntries(
      Object.entries(methods).map(([name, run]) => [name, noting(`${prefix}.${name}`, run as Run)]),
    );
  const { encode, decode } = installed as unknown as Record<"encode" | "decode", Run>;
  return {
    calls,
    tables,
    names: () => calls.map(({ name }) => name),
    last(name) {
      const call = calls.findLast((each) => each.name === name);
      if (call === undefined)
        throw new Error(`${name} was not called, but ${calls.map((each) => each.name).join(", ")}`);
      return call;
    },
    options: {
      ...own.options,
      callbacks: {
        signIn: noting("signIn", own.signIn ?? (() => true)),
        jwt: noting("jwt", own.jwt ?? (({ token }) => token)),
        session: noting("session", own.session ?? (({ session }) => session)),
      },
      events: noted("events", {
        ...Object.fromEntries(EVENTS.map((name) => [name, () => undefined])),
        ...own.events,
      }),
      jwt: {
        ...own.jwtOptions,
        ...noted("jwt", { encode: own.encode ?? encode, decode: own.decode ?? decode }),
      },
      ...(own.adapter && { adapter: noted("adapter", { ...tables.methods, ...overrides }) }),
    },
  };
}
