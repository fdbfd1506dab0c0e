/**
 * NextAuth v4 as the adapter sees it.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import type { AuthOptions } from "next-auth";
import { decode as defaultDecode, encode as defaultEncode } from "next-auth/jwt";
import { isEmpty } from "../adapter/app-answer.ts";
import type { SessionToken } from "../adapter/claim.ts";
import type { AuthHost } from "../adapter/host.ts";
import { assertInstalled } from "../adapter/installed-version.ts";
import type { FreshTokensOptions } from "../adapter/options.ts";
import type { RequestSource } from "../adapter/request-source.ts";
import { providerIdOf, type ProviderEntry } from "../adapter/provider-entry.ts";
import { reachOf, type SessionCookieOptions } from "../adapter/session-cookie.ts";
import { baseUrlOf, defaultSessionCookieName, fixedBaseUrl } from "./base-url.ts";
import { isOAuth2, oauthProviderConfig } from "./oauth-provider.ts";

const DEFAULT_MAX_AGE_S = 30 * 24 * 3_600;

/** Reads everything from the application's own options and the environment, when it is asked. */
export function createV4Host(auth: AuthOptions, options: FreshTokensOptions): AuthHost {
  const entries = auth.providers as unknown as readonly ProviderEntry[];
  const oauthEntries = entries.filter(isOAuth2);
  let installed: Promise<void> | undefined;
  return {
    secretName: "NEXTAUTH_SECRET",
    urlName: "NEXTAUTH_URL",
    prepare: () => (installed ??= assertInstalled(4, defaultEncode)),
    subIsAccountId: true,
    sessionErrorName: "RefreshAccessTokenError",
    sessionMaxAgeMs: (auth.session?.maxAge ?? DEFAULT_MAX_AGE_S) * 1000,
    secrets: () => [jwtSecret(auth), sessionSecret(auth)].filter(isUsable).map(String),
    providerIds: () => entries.map(providerIdOf),
    oauthProviderIds: () => oauthEntries.map(providerIdOf),
    credentialsProviderIds: () => entries.filter(({ type }) => type === "credentials").map(providerIdOf),
    showsNobody: isEmpty,
    strategy: () => strategyOf(auth),
    adapter: () => auth.adapter,
    newSessionToken: async () => (await auth.session?.generateSessionToken?.()) ?? randomUUID(),
    oauthProvider(id) {
      const entry = oauthEntries.find((candidate) => providerIdOf(candidate) === id);
      if (entry === undefined) return undefined;
      const base = fixedBaseUrl(process.env)?.base;
      return oauthProviderConfig(entry, options.providers?.[id], base && `${base}/callback/${id}`);
    },
    cookiesOf: ({ cookies }) => cookies,
    sessionCookieName: (source) =>
      auth.cookies?.sessionToken?.name ?? defaultSessionCookieName(usesSecureCookies(auth, source)),
    sessionCookieReach(source) {
      // The application's own cookie takes the place of the default one, with all that it says.
      const own = auth.cookies?.sessionToken as { options?: SessionCookieOptions } | undefined;
      return reachOf(own === undefined ? { secure: usesSecureCookies(auth, source) } : (own.options ?? {}));
    },
    async decodeSession(value) {
      const secret = jwtSecret(auth) ?? sessionSecret(auth);
      if (secret === undefined) return null;
      try {
        const token: unknown = await (auth.jwt?.decode ?? defaultDecode)({ token: value, secret });
        return typeof token === "object" && token !== null ? (token as SessionToken) : null;
      } catch {
        return null;
      }
    },
    originOf: (source) => baseUrlOf(source, process.env).origin,
    signInErrorUrl(source) {
      const { origin, base } = baseUrlOf(source, process.env);
      // NextAuth's own page has no text for an error it does not know.
      if (auth.pages?.error === undefined) return `${base}/error?error=Configuration`;
      const url = new URL(auth.pages.error, origin);
      url.searchParams.set("error", "StoreUnavailable");
      return url.href;
    },
  };
}

function usesSecureCookies({ useSecureCookies }: AuthOptions, source: RequestSource): boolean {
  return useSecureCookies ?? baseUrlOf(source, process.env).base.startsWith("https://");
}

/** How NextAuth keeps sessions: with an adapter, in its database unless told otherwise. */
export function strategyOf({ session, adapter }: AuthOptions): "jwt" | "database" {
  return session?.strategy ?? (adapter ? "database" : "jwt");
}

/** NextAuth's own order. A variable that is set but empty hides the next one there, too. */
function sessionSecret(auth: AuthOptions): string | undefined {
  return auth.secret ?? process.env["NEXTAUTH_SECRET"] ?? process.env["AUTH_SECRET"];
}

function isUsable(secret: unknown): boolean {
  return secret !== undefined && secret !== "";
}

/** The deprecated `jwt.secret`, which NextAuth v4 still prefers for the session where it is given. */
function jwtSecret({ jwt }: AuthOptions): string | undefined {
  return (jwt as { secret?: string } | undefined)?.secret;
}
