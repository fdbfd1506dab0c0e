/**
 * Everything that nolapse rejects with. Switch on {@link TokenError.code}; no message, cause or property ever
 * holds a token, a cookie, a handle or a secret.
 *
 * @module
 */
import type { EndReason } from "./grant.ts";

/** The stable codes of {@link TokenError}. */
export type TokenErrorCode =
  | "not_signed_in"
  | "no_token"
  | "reauthentication_required"
  | "refresh_unavailable"
  | "store_failed"
  | "invalid_option";

const BRAND: unique symbol = Symbol.for("nolapse.token-error");

/** Base class of every error that this package throws. */
export abstract class TokenError extends Error {
  /** What happened, stable over releases. */
  abstract readonly code: TokenErrorCode;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/**
 * Whether something is an error of this package. Works where `instanceof` does not: a bundler may load the package twice.
 */
export function isTokenError(error: unknown): error is TokenError {
  return typeof error === "object" && error !== null && (error as Record<symbol, unknown>)[BRAND] === true;
}

/** Nobody is signed in: there is no session cookie, it has expired, or the user signed out. */
export class NotSignedInError extends TokenError {
  override readonly name = "NotSignedInError";
  override readonly code = "not_signed_in";
  constructor(message = "Nobody is signed in: the request has no valid session cookie") {
    super(message);
  }
}

/** The session is there, but it has no stored tokens: the sign-in brought none. */
export class NoTokenError extends TokenError {
  override readonly name = "NoTokenError";
  override readonly code = "no_token";
  constructor(message = "The session has no access token: its sign-in brought none") {
    super(message);
  }
}

/**
 * Why only a new sign-in helps: an {@link EndReason}, or `no_refresh_token` where the access token has expired and
 * there is nothing to renew it with, or `missing` where the store does not know the grant (any more).
 */
export type ReauthenticationReason = EndReason | "no_refresh_token" | "missing";

/**
 * Only a new sign-in can help. Retrying cannot.
 *
 * @see [RFC 6749, section 5.2](https://www.rfc-editor.org/rfc/rfc6749.html#section-5.2) - `invalid_grant`
 */
export class ReauthenticationRequiredError extends TokenError {
  override readonly name = "ReauthenticationRequiredError";
  override readonly code = "reauthentication_required";
  /** Keyed-hash prefix of the grant: safe to log, useless as a handle. */
  readonly grantRef: string;
  readonly reason: ReauthenticationReason;

  constructor(grantRef: string, reason: ReauthenticationReason) {
    super(`Grant ${grantRef} has ended (${reason}): the user has to sign in again`);
    this.grantRef = grantRef;
    this.reason = reason;
  }
}

/**
 * The stored access token is too short or has expired, and no new one came within the wait. The session stands;
 * trying again later is right.
 */
export class RefreshUnavailableError extends TokenError {
  override readonly name = "RefreshUnavailableError";
  override readonly code = "refresh_unavailable";
  readonly grantRef: string;
  /** What the last attempt met, such as `http_503` or `timeout`; `waiting` while one is under way. */
  readonly causeCode: string;

  constructor(grantRef: string, causeCode: string) {
    super(
      `No fresh access token for grant ${grantRef} in time (${causeCode}); the session is kept, try again later`,
    );
    this.grantRef = grantRef;
    this.causeCode = causeCode;
  }
}

/** The grant store failed or a stored value did not open. The session is kept. */
export class StoreFailedError extends TokenError {
  override readonly name = "StoreFailedError";
  override readonly code = "store_failed";
}

/** An option is wrong. The message names the option, what was given and the fix. */
export class InvalidOptionError extends TokenError {
  override readonly name = "InvalidOptionError";
  override readonly code = "invalid_option";
  /** The option's name, such as `leadTimeMs`. */
  readonly option: string;
  constructor(option: string, problem: string) {
    super(`"${option}" ${problem}`);
    this.option = option;
  }
}
