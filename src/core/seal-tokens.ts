/**
 * Between token sets and what a store keeps of them.
 *
 * @module
 */
import { about, type Engine } from "./engine.ts";
import { GRANT_FORMAT, type Candidate, type GrantRecord, type SealedTokens } from "./grant.ts";
import type { Sealer } from "./sealer.ts";
import type { TokenSet } from "./token-set.ts";

/** Seals a token set into the slot of a grant and version, beside what the store has to know in plain. */
export function sealTokens(
  sealer: Sealer,
  grantId: string,
  version: number,
  tokenSet: TokenSet,
): SealedTokens {
  const { sealed, keyId } = sealer.seal(JSON.stringify(tokenSet), { grantId, field: "token-set", version });
  return {
    sealedTokenSet: sealed,
    keyId,
    accessTokenIssuedAtMs: tokenSet.issuedAtMs,
    accessTokenExpiresAtMs: tokenSet.expiresAtMs ?? null,
    refreshTokenExpiresAtMs: tokenSet.refreshTokenExpiresAtMs ?? null,
    refreshable: tokenSet.refreshToken !== undefined,
  };
}

/** Seals a token set that lost the commit. */
export function sealCandidate(
  sealer: Sealer,
  grantId: string,
  version: number,
  attemptId: string,
  tokenSet: TokenSet,
): Omit<Candidate, "keptAtMs"> {
  const { sealed, keyId } = sealer.seal(JSON.stringify(tokenSet), { grantId, field: "candidate", version });
  return { attemptId, sealedTokenSet: sealed, keyId, version };
}

/**
 * Opens the token set of a record.
 *
 * @returns `undefined`, told as an `unseal_failed` event, if it does not open: other grants are not touched by it.
 */
export function openTokens(engine: Engine, grant: GrantRecord): TokenSet | undefined {
  return open(engine, grant, grant.sealedTokenSet, "token-set", grant.version);
}

/** As {@link openTokens}, for a candidate. */
export function openCandidate(
  engine: Engine,
  grant: GrantRecord,
  candidate: Candidate,
): TokenSet | undefined {
  return open(engine, grant, candidate.sealedTokenSet, "candidate", candidate.version);
}

function open(
  engine: Engine,
  grant: GrantRecord,
  sealed: string,
  field: "token-set" | "candidate",
  version: number,
): TokenSet | undefined {
  try {
    if (grant.format > GRANT_FORMAT) throw new Error("newer format");
    return JSON.parse(engine.sealer.open(sealed, { grantId: grant.id, field, version })) as TokenSet;
  } catch {
    engine.emit({ type: "unseal_failed", ...about(engine, grant) });
    return undefined;
  }
}
