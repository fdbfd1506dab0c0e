/**
 * The one thing that nolapse puts into the session JWT: a handle that names the session's grants. It does not change
 * after sign-in, so no response has to carry a new cookie for a refresh to survive.
 *
 * @module
 */

/** The name of the claim. */
export const CLAIM_NAME = "nolapse";

/** What the claim says. */
export interface GrantClaim {
  /** 256 random bits; worth nothing outside a JWT that NextAuth has decrypted. */
  readonly handle: string;
  /** The id of the key that the grant's id was hashed with. */
  readonly keyId: string;
  /** NextAuth's provider id of the sign-in. */
  readonly provider: string;
}

/** A decoded session JWT. */
export type SessionToken = Readonly<Record<string, unknown>>;

const MAX_LENGTH = 200;

/** The claim of a decoded JWT; `undefined` if there is none or it is not of our making. */
export function claimOf(token: SessionToken | null | undefined): GrantClaim | undefined {
  const claim = token?.[CLAIM_NAME];
  if (typeof claim !== "object" || claim === null) return undefined;
  const { handle, keyId, provider } = claim as Record<string, unknown>;
  return isShortText(handle) && isShortText(keyId) && isShortText(provider)
    ? { handle, keyId, provider }
    : undefined;
}

/** The JWT without the claim, as the application's own callbacks see it: what they copy into a session can't leak it. */
export function withoutClaim<Token extends object>(token: Token): Token {
  const { [CLAIM_NAME]: _claim, ...rest } = token as Record<string, unknown>;
  return rest as Token;
}

/** The JWT with the claim. */
export function withClaim<Token extends object>(token: Token, claim: GrantClaim): Token {
  return { ...token, [CLAIM_NAME]: claim };
}

function isShortText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= MAX_LENGTH;
}
