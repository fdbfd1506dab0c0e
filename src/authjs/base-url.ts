/**
 * Where Auth.js v5 believes it lives, and what its session cookie is called for that reason. The rules are those of
 * next-auth 5.0.0-beta.32 and @auth/core 0.41.3, which do not export them; a test holds them against the installed version.
 *
 * @see https://github.com/nextauthjs/next-auth/blob/next-auth%405.0.0-beta.32/packages/core/src/lib/utils/env.ts
 * @module
 */
import type { RequestSource } from "../adapter/request-source.ts";
import { reachOf, type CookieReach } from "../adapter/session-cookie.ts";
import type { ConfigLike, Environment } from "./config.ts";

const DEFAULT_BASE_PATH = "/api/auth";

/** The path of the auth route, without a trailing slash: `basePath`, else that of `AUTH_URL`, else `/api/auth`. */
export function basePathOf({ basePath }: ConfigLike, env: Environment): string {
  const path = urlOf(env)?.pathname;
  const given = basePath || (path === "/" ? undefined : path);
  return `/${(given ?? DEFAULT_BASE_PATH).replace(/^\/|\/$/g, "")}`;
}

/** The origin that the environment tells; `undefined` where only the request can tell. */
export function fixedOrigin(env: Environment): string | undefined {
  return urlOf(env)?.origin;
}

/** As {@link fixedOrigin}, else the origin of the request: its URL in the route, its (forwarded) host elsewhere. */
export function originOf(source: RequestSource | undefined, env: Environment): string {
  const fixed = fixedOrigin(env);
  if (fixed !== undefined) return fixed;
  if (source?.url !== undefined) return new URL(source.url).origin;
  const host = source?.header("x-forwarded-host") ?? source?.header("host") ?? "localhost:3000";
  const protocol = (source?.header("x-forwarded-proto") ?? "https").replace(/:$/, "");
  const url = `${protocol}://${host}`;
  return URL.canParse(url) ? new URL(url).origin : "https://localhost:3000";
}

/** The name of the session cookie. It is also the salt of what it holds. */
export function sessionCookieNameOf(config: ConfigLike, source: RequestSource, env: Environment): string {
  const prefix = usesSecureCookies(config, source, env) ? "__Secure-" : "";
  return config.cookies?.sessionToken?.name ?? `${prefix}authjs.session-token`;
}

/** Where browsers send the session cookie. What the application leaves open is as by default. */
export function sessionCookieReachOf(
  config: ConfigLike,
  source: RequestSource,
  env: Environment,
): CookieReach {
  const given = config.cookies?.sessionToken?.options;
  return reachOf({ ...given, secure: given?.secure ?? usesSecureCookies(config, source, env) });
}

function usesSecureCookies(
  { useSecureCookies }: ConfigLike,
  source: RequestSource,
  env: Environment,
): boolean {
  return useSecureCookies ?? originOf(source, env).startsWith("https:");
}

/** The segments of a URL below the base path: the action (`session`, `callback`, `signout`, ...), and what is behind it. */
export function segmentsOf(url: string, basePath: string): readonly string[] {
  const { pathname } = new URL(url);
  return pathname.startsWith(`${basePath}/`)
    ? pathname.slice(basePath.length).split("/").filter(Boolean)
    : [];
}

/** A URL that can't be parsed counts as none, as far as the path goes; Auth.js itself fails at it in the route. */
function urlOf(env: Environment): URL | undefined {
  const url = env["AUTH_URL"] ?? env["NEXTAUTH_URL"];
  return url !== undefined && URL.canParse(url) ? new URL(url) : undefined;
}
