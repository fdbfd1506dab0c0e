/**
 * The one thing that nolapse puts into the session JWT: handles that name the session's grants. Only a sign-in changes it,
 * so no response has to carry a new cookie for a refresh to survive.
 *
 * @module
 */

/** The name of the claim. */
const CLAIM_NAME = "nolapse";

/** How many grants a session has at most: eight claims leave a session cookie in one piece. */
export const MAX_GRANTS_PER_SESSION = 8;

/** Names one grant. Each sign-in has a handle of its own, so that an older cookie never leads to a newer grant. */
export interface GrantClaim {
  /** 256 random bits; worth nothing outside a JWT that NextAuth has decrypted. */
  readonly handle: string;
  /** The id of the key that the grant's id was hashed with. */
  readonly keyId: string;
  /** NextAuth's provider id of the sign-in. */
  readonly provider: string;
}

/** What the claim of a JWT says: the session's own grant, and what was added to it. */
export interface SessionClaim extends GrantClaim {
  /** The grants of sign-ins with other providers, oldest first. A provider is there once. */
  readonly linked?: readonly GrantClaim[];
  /** The first of the session's own grants, where it has been replaced since: what all of them are stored under. */
  readonly session?: SessionHandle;
}

/** Names a session in the store: all of its grants are found by it, also those that an older cookie does not name. */
export type SessionHandle = Pick<GrantClaim, "handle" | "keyId">;

/** A decoded session JWT. */
export type SessionToken = Readonly<Record<string, unknown>>;

const MAX_LENGTH = 200;

/** The claim of a decoded JWT; `undefined` if there is none or it is not of our making. */
export function claimOf(token: SessionToken | null | undefined): SessionClaim | undefined {
  const own = grantClaimFrom(token?.[CLAIM_NAME]);
  if (own === undefined) return undefined;
  const { linked, session } = token?.[CLAIM_NAME] as Record<string, unknown>;
  return sessionClaim(
    own,
    (Array.isArray(linked) ? linked : []).map(grantClaimFrom).filter((each) => each !== undefined),
    sessionHandleFrom(session),
  );
}

/** A claim of these grants. Of too many, those that were added first are left out. */
export function sessionClaim(
  own: GrantClaim,
  linked: readonly GrantClaim[],
  session?: SessionHandle,
): SessionClaim {
  const { handle, keyId, provider } = own;
  const kept = linked.slice(-(MAX_GRANTS_PER_SESSION - 1));
  return {
    handle,
    keyId,
    provider,
    ...(kept.length > 0 && { linked: kept }),
    ...(session !== undefined && session.handle !== handle && { session }),
  };
}

/** All grants that a claim names, the session's own first. */
export function grantsIn(claim: SessionClaim): readonly [GrantClaim, ...GrantClaim[]] {
  const { handle, keyId, provider, linked = [] } = claim;
  return [{ handle, keyId, provider }, ...linked];
}

/** What the grants of a session are stored under. */
export function sessionHandleOf({ handle, keyId, session = { handle, keyId } }: SessionClaim): SessionHandle {
  return session;
}

/** The JWT without the claim, as the application's own callbacks see it: what they copy into a session can't leak it. */
export function withoutClaim<Token extends object>(token: Token): Token {
  const { [CLAIM_NAME]: _claim, ...rest } = token as Record<string, unknown>;
  return rest as Token;
}

/** The JWT with the claim. */
export function withClaim<Token extends object>(token: Token, claim: SessionClaim): Token {
  return { ...token, [CLAIM_NAME]: claim };
}

function grantClaimFrom(value: unknown): GrantClaim | undefined {
  const named = sessionHandleFrom(value);
  const provider = (value as { provider?: unknown } | null | undefined)?.provider;
  return named !== undefined && isShortText(provider) ? { ...named, provider } : undefined;
}

function sessionHandleFrom(value: unknown): SessionHandle | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { handle, keyId } = value as Record<string, unknown>;
  return isShortText(handle) && isShortText(keyId) ? { handle, keyId } : undefined;
}

function isShortText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= MAX_LENGTH;
}
