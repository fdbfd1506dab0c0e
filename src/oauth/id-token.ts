/**
 * Whether the ID token of a refresh is about the same person at the same place as before (SEC-43).
 *
 * `oauth4webapi` checks an ID token too, but throws the whole answer away for any odd one, and reads the real clock.
 * Here a refresh token may be in that answer. So what would hand one user the tokens of another is a mismatch, and
 * nothing is stored; what merely makes the new ID token worthless leaves the previous ID token in its place.
 *
 * The signature is not checked: the token comes straight from the token endpoint over TLS.
 *
 * @see [OpenID Connect Core, section 12.2](https://openid.net/specs/openid-connect-core-1_0.html#RefreshTokenResponse)
 * @see [OpenID Connect Core, section 3.1.3.7](https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation)
 * @module
 */
import { jwtPart } from "./jwt-exp.ts";
import type { JsonObject } from "./raw-answer.ts";

/** What an ID token is held against. */
export interface IdTokenExpectation {
  readonly clientId: string;
  /** The ID token in hand, which NextAuth checked at sign-in. */
  readonly previousIdToken?: string;
  /** The server's issuer, asked only where there is no previous ID token. `{tenantid}` in it stands for `tid`. */
  readonly issuer?: string;
  /** Other spellings of an issuer, by the spelling they stand for. */
  readonly issuerAliases?: ReadonlyMap<string, string>;
  /** The only `alg` that is accepted. @defaultValue every one but `none` */
  readonly signedResponseAlg?: string;
  /** The time now, in epoch milliseconds. */
  readonly nowMs: number;
}

/** `mismatch`: somebody else's. `unusable`: it proves nothing, so the previous one stays. */
export type IdTokenVerdict = "same" | "mismatch" | "unusable";

const CLOCK_TOLERANCE_MS = 300_000;

/** Compares the ID token of a refresh with what is known. Pure. */
export function compareIdToken(idToken: string, expected: IdTokenExpectation): IdTokenVerdict {
  const header = jwtPart(idToken, 0);
  const claims = jwtPart(idToken, 1);
  if (header === undefined || claims === undefined) return "unusable";
  const previous = expected.previousIdToken === undefined ? undefined : jwtPart(expected.previousIdToken, 1);
  if (isSomebodyElses(claims, previous, expected)) return "mismatch";
  return isUsable(header, claims, previous, expected) ? "same" : "unusable";
}

function isSomebodyElses(
  claims: JsonObject,
  previous: JsonObject | undefined,
  expected: IdTokenExpectation,
): boolean {
  const { iss, sub, aud, azp } = claims;
  if (previous !== undefined && sub !== previous["sub"]) return true;
  const issuer = previous?.["iss"] ?? expected.issuer?.replace("{tenantid}", String(claims["tid"]));
  if (issuer !== undefined && spelled(iss, expected) !== spelled(issuer, expected)) return true;
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audiences.includes(expected.clientId)) return true;
  const party = previous?.["azp"] ?? expected.clientId;
  if (audiences.length > 1) return azp !== party && azp !== expected.clientId;
  return azp !== undefined && previous?.["azp"] !== undefined && azp !== previous["azp"];
}

function isUsable(
  header: JsonObject,
  claims: JsonObject,
  previous: JsonObject | undefined,
  { signedResponseAlg, nowMs }: IdTokenExpectation,
): boolean {
  const alg = header["alg"];
  if (
    signedResponseAlg !== undefined
      ? alg !== signedResponseAlg
      : typeof alg !== "string" || /^none$/i.test(alg)
  )
    return false;
  const { iss, sub, exp } = claims;
  if (typeof iss !== "string" || typeof sub !== "string" || sub === "" || typeof exp !== "number")
    return false;
  if (exp * 1000 <= nowMs - CLOCK_TOLERANCE_MS) return false;
  // A later authentication in the same login is no reason to lose the tokens, but must not pass for the original one.
  const before = previous?.["auth_time"];
  return before === undefined || claims["auth_time"] === undefined || claims["auth_time"] === before;
}

function spelled(issuer: unknown, { issuerAliases }: IdTokenExpectation): unknown {
  return typeof issuer === "string" ? (issuerAliases?.get(issuer) ?? issuer) : issuer;
}
