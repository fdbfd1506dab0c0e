/**
 * The token set in nolapse's own units, and the only place where the wire's seconds become milliseconds.
 *
 * Servers say the lifetime in every way there is: a number, a numeric string, nothing, zero, a negative or an
 * absurd number (F7). All of them end here in one finite deadline, so that a token is neither refreshed on every
 * request nor never.
 *
 * @module
 */

import type { TargetToken } from "./token-target.ts";

/** A user as the authorization server names them. */
export interface TokenUser {
  readonly issuer: string;
  readonly subject: string;
}

/** What one user's grant holds, in our units. */
export interface TokenSet {
  readonly accessToken: string;
  /** Absent where the authorization server gave none. */
  readonly refreshToken?: string;
  readonly idToken?: string;
  /** As the server wrote it, usually `Bearer`. */
  readonly tokenType: string;
  readonly scope?: string;
  /** When the tokens were asked for, in epoch milliseconds. */
  readonly issuedAtMs: number;
  /** `undefined`: no known end (there is no refresh token either). */
  readonly expiresAtMs?: number;
  /** `undefined`: not told. */
  readonly refreshTokenExpiresAtMs?: number;
  /** The token endpoint that the grant is pinned to once known (SEC-35). */
  readonly tokenEndpoint?: string;
  /** Whose tokens these are, by the sign-in: so that the user can be found under another key, too. */
  readonly user?: TokenUser;
  /** Members of the token response that are no tokens and that an app may need, such as `instance_url` (Q24). */
  readonly extra?: Readonly<Record<string, string | number | boolean>>;
  /** Access tokens for other targets than those of the sign-in, by `targetKeyOf`. */
  readonly targets?: Readonly<Record<string, TargetToken>>;
}

/** A token response as it comes over the wire (RFC 6749 section 5.1): nothing in it can be relied upon. */
export interface TokenEndpointResponse {
  readonly access_token?: unknown;
  readonly refresh_token?: unknown;
  readonly id_token?: unknown;
  readonly token_type?: unknown;
  readonly scope?: unknown;
  readonly expires_in?: unknown;
  readonly expires_at?: unknown;
  readonly refresh_token_expires_in?: unknown;
  readonly refresh_expires_in?: unknown;
  readonly [member: string]: unknown;
}

/** What {@link tokenSetFrom} needs to know beside the response. */
export interface TokenSetContext {
  /** When the request was sent, in epoch milliseconds: the safe side to count a lifetime from. */
  readonly requestedAtMs: number;
  /** The token set that the response renews: what it leaves out is kept (F6). */
  readonly previous?: TokenSet;
  /** The lifetime to assume when the server tells none, in milliseconds. @defaultValue {@link DEFAULT_LIFETIME_MS} */
  readonly defaultLifetimeMs?: number;
}

/** The lifetime assumed for an access token that can be refreshed and whose expiry the server does not tell: 5 minutes. */
export const DEFAULT_LIFETIME_MS = 300_000;

/** The longest lifetime that is believed: 366 days. Anything above is cut to it. */
export const MAX_LIFETIME_MS: number = 366 * 24 * 3_600_000;

const SECOND_MS = 1000;
const KNOWN_MEMBERS: ReadonlySet<string> = new Set([
  "access_token",
  "refresh_token",
  "id_token",
  "token_type",
  "scope",
  "expires_in",
  "expires_at",
  "refresh_token_expires_in",
  "refresh_expires_in",
]);
const MAX_EXTRA_MEMBERS = 20;
const MAX_EXTRA_LENGTH = 500;

/**
 * Reads a lifetime in seconds as milliseconds.
 *
 * @returns `undefined` for everything that is not a finite number of at least a millisecond or a string of one; at most
 *   {@link MAX_LIFETIME_MS}.
 */
export function lifetimeMsFrom(seconds: unknown): number | undefined {
  const value = typeof seconds === "string" && seconds.trim() !== "" ? Number(seconds) : seconds;
  if (typeof value !== "number" || !Number.isFinite(value)) return undefined;
  const lifetimeMs = Math.min(Math.round(value * SECOND_MS), MAX_LIFETIME_MS);
  return lifetimeMs > 0 ? lifetimeMs : undefined;
}

/**
 * Reads a moment in epoch seconds as epoch milliseconds. A value that can only be milliseconds (beyond the year
 * 5138 in seconds) is taken as such, because recipes mix the two (F7).
 */
export function epochMsFrom(seconds: unknown): number | undefined {
  const value = typeof seconds === "string" && seconds.trim() !== "" ? Number(seconds) : seconds;
  if (typeof value !== "number" || !Number.isFinite(value)) return undefined;
  const epochMs = Math.round(value > 100_000_000_000 ? value : value * SECOND_MS);
  return epochMs > 0 ? epochMs : undefined;
}

/** Epoch milliseconds as the epoch seconds that NextAuth's world uses, rounded down. */
export function epochSecondsFrom(epochMs: number): number {
  return Math.floor(epochMs / SECOND_MS);
}

/** A duration in milliseconds as whole seconds, rounded down and never negative. */
export function secondsFrom(durationMs: number): number {
  return Math.max(0, Math.floor(durationMs / SECOND_MS));
}

/**
 * Normalises a token response. Unknown members are kept only where they are short and no strings of token length.
 *
 * @returns `undefined` if there is no access token in it.
 * @see [RFC 6749, section 5.1](https://www.rfc-editor.org/rfc/rfc6749.html#section-5.1)
 */
export function tokenSetFrom(
  response: TokenEndpointResponse,
  context: TokenSetContext,
): TokenSet | undefined {
  const accessToken = text(response.access_token);
  if (accessToken === undefined) return undefined;
  const { previous, requestedAtMs } = context;
  const sentRefreshToken = text(response.refresh_token);
  const refreshToken = sentRefreshToken ?? previous?.refreshToken;
  const idToken = text(response.id_token) ?? previous?.idToken;
  const scope = scopeFrom(response.scope) ?? previous?.scope;
  const expiresAtMs = expiryFrom(response, context, refreshToken !== undefined);
  const refreshLifetimeMs = lifetimeMsFrom(response.refresh_token_expires_in ?? response.refresh_expires_in);
  const refreshTokenExpiresAtMs =
    refreshLifetimeMs !== undefined
      ? requestedAtMs + refreshLifetimeMs
      : sentRefreshToken === undefined || sentRefreshToken === previous?.refreshToken
        ? previous?.refreshTokenExpiresAtMs
        : undefined;
  const extra = { ...previous?.extra, ...extraFrom(response) };
  return {
    accessToken,
    tokenType: text(response.token_type) ?? previous?.tokenType ?? "Bearer",
    issuedAtMs: requestedAtMs,
    ...(refreshToken !== undefined && { refreshToken }),
    ...(idToken !== undefined && { idToken }),
    ...(scope !== undefined && { scope }),
    ...(expiresAtMs !== undefined && { expiresAtMs }),
    ...(refreshTokenExpiresAtMs !== undefined && { refreshTokenExpiresAtMs }),
    ...(previous?.user !== undefined && { user: previous.user }),
    ...(previous?.tokenEndpoint !== undefined && { tokenEndpoint: previous.tokenEndpoint }),
    ...(Object.keys(extra).length > 0 && { extra }),
  };
}

function expiryFrom(
  response: TokenEndpointResponse,
  { requestedAtMs, previous, defaultLifetimeMs = DEFAULT_LIFETIME_MS }: TokenSetContext,
  refreshable: boolean,
): number | undefined {
  const lifetimeMs = lifetimeMsFrom(response.expires_in);
  if (lifetimeMs !== undefined) return requestedAtMs + lifetimeMs;
  const expiresAtMs = epochMsFrom(response.expires_at);
  // A token that was issued just now cannot have expired: taken at its word, it would be refreshed on every request.
  if (expiresAtMs !== undefined && (previous === undefined || expiresAtMs > requestedAtMs))
    return Math.min(expiresAtMs, requestedAtMs + MAX_LIFETIME_MS);
  return refreshable ? requestedAtMs + defaultLifetimeMs : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function scopeFrom(value: unknown): string | undefined {
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return text(value.join(" "));
  return text(value);
}

function extraFrom(response: TokenEndpointResponse): Record<string, string | number | boolean> {
  const extra: Record<string, string | number | boolean> = {};
  for (const [member, value] of Object.entries(response)) {
    if (KNOWN_MEMBERS.has(member) || member === "__proto__" || /token|secret|assertion/i.test(member))
      continue;
    const short = typeof value === "string" && value.length <= MAX_EXTRA_LENGTH;
    if (!short && typeof value !== "number" && typeof value !== "boolean") continue;
    if (Object.keys(extra).length >= MAX_EXTRA_MEMBERS) break;
    extra[member] = value;
  }
  return extra;
}
