/**
 * What a logout token is, and the parts of its validation that need no key (SEC-49).
 *
 * @see [OpenID Connect Back-Channel Logout 1.0, section 2.4](https://openid.net/specs/openid-connect-backchannel-1_0.html#LogoutToken)
 * @see [section 2.6](https://openid.net/specs/openid-connect-backchannel-1_0.html#Validation) - validation
 * @module
 */
import { jwtPart } from "./jwt-exp.ts";
import { isJsonObject, type JsonObject } from "./raw-answer.ts";

/** What a verified logout token says. It names a user, a session of theirs at the server, or both. */
export interface LogoutToken {
  /** NextAuth's id of the provider at whose client it is addressed. */
  readonly provider: string;
  readonly issuer: string;
  readonly clientId: string;
  /** Its unique name (`jti`). */
  readonly id: string;
  readonly subject?: string;
  readonly sid?: string;
  /** When it was made, in epoch milliseconds by the server's clock. */
  readonly issuedAtMs: number;
  /** From when on nobody accepts it any more, in epoch milliseconds, with room for clocks that differ. */
  readonly unusableFromMs: number;
}

/** Why a logout token is refused. */
export type LogoutTokenRefusal =
  | "malformed"
  | "encrypted"
  | "alg"
  | "typ"
  | "aud"
  | "iss"
  | "unknown_key"
  | "signature"
  | "time"
  | "events"
  | "nonce"
  | "jti"
  | "subject"
  /** It was used before. */
  | "replayed";

/** The member of `events` that makes a JWT a logout token. */
export const LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout";

/** The longest logout token that is read, in characters. */
const MAX_LOGOUT_TOKEN_LENGTH: number = 32 * 1024;

/** How old a logout token may be, in seconds: servers are asked to make them for two minutes. */
export const MAX_AGE_S = 300;

/** How far the server's clock may be from this one, in seconds. */
export const CLOCK_TOLERANCE_S = 60;

const MAX_NAME_LENGTH = 1_000;

/** The two parts of a token as it came. **Not verified.** */
export interface UnverifiedLogoutToken {
  readonly header: JsonObject;
  readonly claims: JsonObject;
}

/** Reads a token in order to learn whose it claims to be. */
export function readUnverified(token: string): UnverifiedLogoutToken | LogoutTokenRefusal {
  if (token.length > MAX_LOGOUT_TOKEN_LENGTH) return "malformed";
  if (token.split(".", 6).length === 5) return "encrypted";
  const [header, claims] = [jwtPart(token, 0), jwtPart(token, 1)];
  return header === undefined || claims === undefined ? "malformed" : { header, claims };
}

/**
 * Whether the type is that of a logout token. A server that does not set it yet sends `JWT` or nothing: whoever accepts
 * that relies on the `events` member and on `nonce` being absent, as the specification allows.
 */
export function isLogoutType(type: unknown, acceptsUntyped: boolean): boolean {
  if (type === undefined) return acceptsUntyped;
  if (typeof type !== "string") return false;
  const name = type.toLowerCase().replace(/^application\//, "");
  return name === "logout+jwt" || (acceptsUntyped && name === "jwt");
}

/** What the claims of a token whose signature, issuer, audience and time have been checked say. Pure. */
export function logoutTokenFrom(
  claims: JsonObject,
  addressee: Pick<LogoutToken, "provider" | "issuer" | "clientId">,
): LogoutToken | LogoutTokenRefusal {
  const { jti, iat, sub, sid, events } = claims;
  if (!isJsonObject(events) || !isJsonObject(events[LOGOUT_EVENT])) return "events";
  if ("nonce" in claims) return "nonce";
  if (!isName(jti)) return "jti";
  if (typeof iat !== "number") return "time";
  const isOdd = [sub, sid].some((name) => name !== undefined && !isName(name));
  if (isOdd || (sub === undefined && sid === undefined)) return "subject";
  return {
    ...addressee,
    id: jti,
    ...(isName(sub) && { subject: sub }),
    ...(isName(sid) && { sid }),
    issuedAtMs: iat * 1000,
    unusableFromMs: (iat + MAX_AGE_S + 2 * CLOCK_TOLERANCE_S) * 1000,
  };
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= MAX_NAME_LENGTH;
}
