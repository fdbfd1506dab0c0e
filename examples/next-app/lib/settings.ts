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

/** How long a call of the protected API may take, in milliseconds. */
export const API_TIMEOUT_MS = 10_000;

function withoutSlash(url: string): string {
  return url.endsWith("/") ? url.slice(0, -1) : url;
}
