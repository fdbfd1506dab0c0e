/**
 * Where NextAuth v4 believes it lives, and what its session cookie is called for that reason. The rules are those of
 * next-auth 4.24.15, which does not export them; a test holds them against the installed version.
 *
 * @see https://github.com/nextauthjs/next-auth/blob/next-auth%404.24.15/packages/next-auth/src/utils/detect-origin.ts
 * @module
 */
import type { RequestSource } from "../adapter/request-source.ts";

/** The parts of the environment that NextAuth v4 reads for its URL. */
export type UrlEnvironment = Readonly<Record<string, string | undefined>>;

/** A parsed base URL. */
export interface BaseUrl {
  readonly origin: string;
  /** The path of the auth route, without a trailing slash. */
  readonly path: string;
  /** Origin and path. */
  readonly base: string;
}

const DEFAULT_URL = "http://localhost:3000/api/auth";

/**
 * NextAuth's base URL: `NEXTAUTH_URL`, else the forwarded host where `VERCEL` or `AUTH_TRUST_HOST` says that it can be
 * trusted, else `http://localhost:3000/api/auth`.
 */
export function baseUrlOf(source: RequestSource | undefined, env: UrlEnvironment): BaseUrl {
  return parseBaseUrl(detectOrigin(source, env));
}

/** As {@link baseUrlOf}, without a request: `undefined` where only the request can tell. */
export function fixedBaseUrl(env: UrlEnvironment): BaseUrl | undefined {
  return !env["NEXTAUTH_URL"] && trustsHost(env) ? undefined : baseUrlOf(undefined, env);
}

function trustsHost(env: UrlEnvironment): boolean {
  return Boolean(env["VERCEL"] ?? env["AUTH_TRUST_HOST"]);
}

function detectOrigin(source: RequestSource | undefined, env: UrlEnvironment): string | undefined {
  if (env["NEXTAUTH_URL"]) return env["NEXTAUTH_URL"];
  if (source && trustsHost(env)) {
    // Without a host NextAuth arrives at "https://undefined", whose cookies are secure all the same.
    const host = source.header("x-forwarded-host") ?? source.header("host") ?? "undefined";
    return `${source.header("x-forwarded-proto") === "http" ? "http" : "https"}://${host}`;
  }
  return undefined;
}

function parseBaseUrl(url: string | undefined): BaseUrl {
  const absolute = url !== undefined && !url.startsWith("http") ? `https://${url}` : url;
  const given = absolute !== undefined && URL.canParse(absolute) ? absolute : DEFAULT_URL;
  const { origin, pathname } = new URL(given);
  const path = (pathname === "/" ? "/api/auth" : pathname).replace(/\/$/, "");
  return { origin, path, base: `${origin}${path}` };
}

/** The default name of the session cookie. */
export function defaultSessionCookieName(secure: boolean): string {
  return `${secure ? "__Secure-" : ""}next-auth.session-token`;
}
