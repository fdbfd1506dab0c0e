/**
 * What the environment tells the app. `npm start` in the repository's root sets all of it; the defaults fit the
 * bundled servers.
 *
 * @module
 */

/** Origin of the protected API, without a slash at the end. */
export const API_URL: string = withoutSlash(process.env.API_URL ?? "http://localhost:4002");

/** Issuer of the bundled authorization server, without a slash at the end. */
export const OIDC_ISSUER: string = withoutSlash(process.env.OIDC_ISSUER ?? "http://localhost:4001");

/** How long the bundled servers let an access token live, in milliseconds. Only used to draw the first token. */
export const TOKEN_TTL_MS: number = (Number(process.env.TOKEN_TTL_SECONDS) || 60) * 1000;

/** Whether pages may have the access token: not at all, or when a script of theirs asks for it. */
export const EXPOSE_ACCESS_TOKEN: false | "on-request" =
  oneOf("EXPOSE_ACCESS_TOKEN", ["false", "on-request"]) === "on-request" && "on-request";

/** Where a page reaches the API's WebSocket; only for pages that may have the access token. */
export const SOCKET_URL: string | undefined =
  EXPOSE_ACCESS_TOKEN === false ? undefined : `${API_URL.replace(/^http/, "ws")}/socket`;

/** How long a sign-in is kept alive, as `SessionProvider` of `nolapse/react` takes it. */
export const KEEP_ALIVE: KeepAlive = keepAlive();

/** Props of `SessionProvider`. */
export interface KeepAlive {
  readonly keepAlive: "tab-open" | "user-active";
  /** How long nobody has to use the browser, in milliseconds. */
  readonly idleLimitMs?: number;
}

/** How long a call of the protected API may take, in milliseconds. */
export const API_TIMEOUT_MS = 10_000;

function keepAlive(): KeepAlive {
  if (oneOf("KEEP_ALIVE", ["tab-open", "user-active"]) === "tab-open") return { keepAlive: "tab-open" };
  const idleLimitMs = Number(process.env.IDLE_LIMIT_MS) || undefined;
  return { keepAlive: "user-active", ...(idleLimitMs !== undefined && { idleLimitMs }) };
}

/** The first is the default. */
function oneOf(name: string, allowed: readonly string[]): string | undefined {
  const given = process.env[name] || allowed[0];
  if (given !== undefined && allowed.includes(given)) return given;
  throw new Error(`${name} is "${given}": it has to be one of ${allowed.join(", ")}`);
}

function withoutSlash(url: string): string {
  return url.endsWith("/") ? url.slice(0, -1) : url;
}
