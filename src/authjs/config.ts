/**
 * What nolapse reads of an Auth.js v5 configuration, completed from the environment as next-auth 5 does it. next-auth writes
 * these defaults into the object it is given; here nothing is written.
 *
 * @see https://github.com/nextauthjs/next-auth/blob/next-auth%405.0.0-beta.32/packages/next-auth/src/lib/env.ts
 * @module
 */
import type nextAuth from "next-auth";
import { checkStrategy } from "../adapter/check-strategy.ts";
import type { ProviderEntry } from "../adapter/provider-entry.ts";
import type { SessionCookieOptions } from "../adapter/session-cookie.ts";
import { InvalidOptionError } from "../core/errors.ts";

/** The parts of the environment that Auth.js reads. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A configuration, as far as nolapse reads it. */
export interface ConfigLike {
  /** Provider entries, or the functions that make them. */
  readonly providers: readonly unknown[];
  readonly secret?: string | string[] | undefined;
  readonly basePath?: string | undefined;
  readonly useSecureCookies?: boolean | undefined;
  readonly cookies?:
    | {
        readonly sessionToken?:
          | {
              readonly name?: string | undefined;
              readonly options?: SessionCookieOptions | undefined;
            }
          | undefined;
      }
    | undefined;
  readonly session?:
    | {
        readonly strategy?: "jwt" | "database" | undefined;
        readonly maxAge?: number | undefined;
        readonly generateSessionToken?: (() => string) | undefined;
      }
    | undefined;
  readonly jwt?: object | undefined;
  readonly pages?: { readonly error?: string | undefined } | undefined;
  readonly adapter?: object | undefined;
  readonly redirectProxyUrl?: string | undefined;
  readonly callbacks?: object | undefined;
  readonly events?: object | undefined;
}

// next-auth 4, which this repository also has installed, exports no function here that takes one argument.
type Given = typeof nextAuth extends (config: infer Config) => unknown ? Config : never;
type Objects<Config> = Exclude<Config, (...args: never[]) => unknown>;

/** next-auth 5's own `NextAuthConfig`, so that callbacks get their types from it. */
export type AuthConfig = [Given] extends [never] ? ConfigLike : Objects<Given>;

/** A lazy configuration. In server components and server actions next-auth calls it without a request. */
export type LazyAuthConfig = [Given] extends [never]
  ? LazyConfig
  : Extract<Given, (...args: never[]) => unknown>;

/** next-auth 5 calls a lazy configuration in this form. */
export type LazyConfig = (request: unknown) => ConfigLike | Promise<ConfigLike>;

/**
 * Refuses a configuration that cannot work.
 *
 * @throws {@link InvalidOptionError} naming the option and the fix.
 */
export function checkedConfig(config: unknown): ConfigLike {
  const given = config as Partial<ConfigLike> | undefined;
  if (!Array.isArray(given?.providers)) {
    throw new InvalidOptionError(
      "providers",
      "must be Auth.js's list of providers; the first argument is your NextAuth configuration, or a function that returns it",
    );
  }
  checkStrategy(strategyOf(given), given.adapter);
  return given as ConfigLike;
}

/** How Auth.js keeps sessions: with an adapter, in its database unless told otherwise. */
export function strategyOf({ session, adapter }: Partial<ConfigLike>): "jwt" | "database" {
  return session?.strategy ?? (adapter ? "database" : "jwt");
}

/**
 * The secrets of the session, newest first. `AUTH_SECRET_1` to `_3` count only where neither the configuration nor
 * `AUTH_SECRET` nor `NEXTAUTH_SECRET` has one: next-auth looks for those first, and is content with one.
 */
export function secretsOf({ secret }: ConfigLike, env: Environment): readonly string[] {
  const one = secret ?? env["AUTH_SECRET"] ?? env["NEXTAUTH_SECRET"];
  if (one !== undefined && one.length > 0) return [one].flat();
  return [env["AUTH_SECRET_3"], env["AUTH_SECRET_2"], env["AUTH_SECRET_1"], env["AUTH_SECRET"]].filter(
    (each): each is string => each !== undefined && each !== "",
  );
}

/** The provider entries: functions are called, and what is missing is taken from `AUTH_<ID>_ID` and its like. */
export function providerEntriesOf({ providers }: ConfigLike, env: Environment): readonly ProviderEntry[] {
  return providers.map((provider) => {
    const plain = entryFrom(provider, {});
    const name = `AUTH_${plain.id.toUpperCase().replace(/-/g, "_")}`;
    const [clientId, clientSecret] = [env[`${name}_ID`], env[`${name}_SECRET`]];
    const [issuer, apiKey] = [env[`${name}_ISSUER`], env[`${name}_KEY`]];
    const entry = entryFrom(provider, { clientId, clientSecret, issuer, apiKey });
    if (entry.type !== "oauth" && entry.type !== "oidc") return entry;
    return {
      ...entry,
      clientId: entry["clientId"] ?? clientId,
      clientSecret: entry["clientSecret"] ?? clientSecret,
      issuer: entry["issuer"] ?? issuer,
    };
  });
}

function entryFrom(provider: unknown, options: object): ProviderEntry {
  return (
    typeof provider === "function" ? (provider as (options: object) => unknown)(options) : provider
  ) as ProviderEntry;
}
