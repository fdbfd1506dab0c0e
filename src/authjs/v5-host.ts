/**
 * Auth.js v5 as the adapter sees it.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { decode as installedDecode, encode as installedEncode } from "next-auth/jwt";
import { isNothing } from "../adapter/app-answer.ts";
import type { SessionToken } from "../adapter/claim.ts";
import { readAsAuthJs } from "../adapter/cookie-header.ts";
import type { AuthHost } from "../adapter/host.ts";
import { assertInstalled } from "../adapter/installed-version.ts";
import type { FreshTokensOptions } from "../adapter/options.ts";
import { providerIdOf, type ProviderEntry } from "../adapter/provider-entry.ts";
import { InvalidOptionError } from "../core/errors.ts";
import {
  basePathOf,
  fixedOrigin,
  originOf,
  segmentsOf,
  sessionCookieNameOf,
  sessionCookieReachOf,
} from "./base-url.ts";
import {
  checkedConfig,
  providerEntriesOf,
  secretsOf,
  strategyOf,
  type ConfigLike,
  type LazyConfig,
} from "./config.ts";
import { isOAuth, oauthProviderConfig } from "./oauth-provider.ts";

const DEFAULT_MAX_AGE_S = 30 * 24 * 3_600;

/** `jwt.decode` as v5 calls it: the installed types may be those of v4. */
type Decode = (params: object) => Promise<unknown>;

/** A host whose configuration may come late. */
export interface V5Host extends AuthHost {
  /** Notes the configuration that is in force from now on. */
  readonly note: (config: ConfigLike) => void;
}

/**
 * Reads everything from the application's own configuration and the environment, when it is asked. Of a lazy configuration
 * it goes by the one that came last, and knows the providers of all of them: a refresh has no request to ask for one.
 */
export function createV5Host(given: ConfigLike | LazyConfig, options: FreshTokensOptions): V5Host {
  let current = typeof given === "function" ? undefined : given;
  let installed: Promise<void> | undefined;
  const read = new WeakSet<ConfigLike>();
  const seen = new Map<string, ProviderEntry>();
  const config = (): ConfigLike => {
    if (current === undefined) throw new InvalidOptionError("config", "is lazy, and has not been asked for");
    return current;
  };
  const entries = (): readonly ProviderEntry[] => {
    if (!read.has(config())) {
      for (const entry of providerEntriesOf(config(), process.env)) seen.set(providerIdOf(entry), entry);
      read.add(config());
    }
    return [...seen.values()];
  };
  return {
    secretName: "AUTH_SECRET",
    urlName: "AUTH_URL",
    subIsAccountId: false,
    sessionErrorName: "RefreshTokenError",
    get sessionMaxAgeMs() {
      return (config().session?.maxAge ?? DEFAULT_MAX_AGE_S) * 1000;
    },
    note(next) {
      current = next;
      // Now, because another one may have come by the time that this one's sign-in is stored.
      entries();
    },
    async prepare() {
      await (installed ??= assertInstalled(5, installedEncode));
      if (typeof given !== "function" || current !== undefined) return;
      const found = checkedConfig(await given(undefined));
      // One that came with a request meanwhile knows more.
      current ??= found;
    },
    segmentsOf: (url) => segmentsOf(url, basePathOf(current ?? { providers: [] }, process.env)),
    secrets: () => [...new Set([...sessionSecrets(config()), ...secretsOf(config(), process.env)])],
    providerIds: () => entries().map(providerIdOf),
    oauthProviderIds: () => entries().filter(isOAuth).map(providerIdOf),
    credentialsProviderIds: () =>
      entries()
        .filter(({ type }) => type === "credentials")
        .map(providerIdOf),
    showsNobody: isNothing,
    strategy: () => strategyOf(config()),
    adapter: () => config().adapter,
    newSessionToken: () => Promise.resolve(config().session?.generateSessionToken?.() ?? randomUUID()),
    oauthProvider(id) {
      const entry = entries().find((candidate) => isOAuth(candidate) && providerIdOf(candidate) === id);
      if (entry === undefined) return undefined;
      return oauthProviderConfig(entry, options.providers?.[id], callbackUrlOf(config(), entry));
    },
    // The header as it came, in components, too: Auth.js never asks Next for a cookie.
    cookiesOf: ({ header }) => readAsAuthJs(header("cookie") ?? ""),
    sessionCookieName: (source) => sessionCookieNameOf(config(), source, process.env),
    sessionCookieReach: (source) => sessionCookieReachOf(config(), source, process.env),
    async decodeSession(value, cookieName) {
      const { jwt } = config();
      const decode = decodeOf(config());
      const [one, ...others] = sessionSecrets(config());
      try {
        const token: unknown = await decode({
          ...jwt,
          secret: others.length > 0 ? [one, ...others] : one,
          token: value,
          salt: cookieName,
        });
        return typeof token === "object" && token !== null ? (token as SessionToken) : null;
      } catch {
        return null;
      }
    },
    originOf: (source) => originOf(source, process.env),
    signInErrorUrl(source) {
      // By Auth.js's own route, which leads to the application's page: straight to another origin its `redirect` callback lets
      // nobody. Its own page has no text for an error that it does not know.
      const error = config().pages?.error === undefined ? "Configuration" : "StoreUnavailable";
      return `${originOf(source, process.env)}${basePathOf(config(), process.env)}/error?error=${error}`;
    },
  };
}

/** What opens a session cookie. */
export function decodeOf({ jwt }: ConfigLike): Decode {
  return (jwt as { decode?: Decode } | undefined)?.decode ?? (installedDecode as unknown as Decode);
}

/** What sessions are encrypted with: `jwt.secret` where it is given, else the secrets of the configuration. */
function sessionSecrets(config: ConfigLike): string[] {
  const own = (config.jwt as { secret?: string | string[] } | undefined)?.secret;
  return own === undefined ? [...secretsOf(config, process.env)] : [own].flat();
}

/** A preview deployment signs in by way of the stable one, whose callback the provider then knows. */
function callbackUrlOf(config: ConfigLike, entry: ProviderEntry): string | undefined {
  const proxy =
    entry.options?.["redirectProxyUrl"] ??
    entry["redirectProxyUrl"] ??
    config.redirectProxyUrl ??
    process.env["AUTH_REDIRECT_PROXY_URL"];
  if (typeof proxy === "string" && proxy !== "") return `${proxy}/callback/${providerIdOf(entry)}`;
  const origin = fixedOrigin(process.env);
  return origin && `${origin}${basePathOf(config, process.env)}/callback/${providerIdOf(entry)}`;
}
