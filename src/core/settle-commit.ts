/**
 * What becomes of a fresh token set once the store has answered: it is current, or a candidate where somebody else was
 * first, or revoked where the user has signed out meanwhile.
 *
 * @module
 */
import { about, settled, type Engine } from "./engine.ts";
import type { ReauthenticationReason } from "./errors.ts";
import type { GrantRecord, Lease } from "./grant.ts";
import type { Commit, CommitAnswer, GrantReading } from "./grant-store.ts";
import { offerAgain } from "./offer-again.ts";
import { revokeTokens } from "./revoke-tokens.ts";
import { openCandidate, openTokens, sealCandidate, sealTokens } from "./seal-tokens.ts";
import { doubtAbout, spentNameOf, usefulnessOf } from "./spent-parent.ts";
import { noteReading, remember, sendNameOf, type PendingRotation } from "./single-flight.ts";
import type { TokenSet } from "./token-set.ts";

/** Where a fresh token set ended up. */
export type Persisted =
  /** Durable as the grant's current token set. */
  | { readonly kind: "stored"; readonly grant: GrantRecord }
  /** Another process committed first; ours is kept as a candidate, theirs is current. */
  | { readonly kind: "superseded"; readonly grant: GrantRecord }
  /** The store is away: the token set is kept in memory and flushed before anything else happens to the grant (I5). */
  | { readonly kind: "pending"; readonly grant: GrantRecord }
  | { readonly kind: "ended"; readonly reason: ReauthenticationReason };

/** A committed answer of the authorization server that is to be stored. */
export type Answered = Omit<PendingRotation, "flush">;

/** How soon the store is offered again a candidate that it did not take, in milliseconds. */
const FIRST_PAUSE_MS = 100;

/** The write that stores a token set over the version that it was made from. */
export function commitFor(
  engine: Engine,
  parent: GrantRecord,
  tokenSet: TokenSet,
  lease: Lease | undefined,
): Commit {
  return {
    ...sealTokens(engine.sealer, parent.id, parent.version + 1, tokenSet),
    expectedVersion: parent.version,
    slidingEndMs: engine.clock.nowMs() + engine.limits.slidingLifetimeMs,
    ...(lease !== undefined && { lease }),
  };
}

/** Tries a write once; `undefined`: the store does not say. */
export async function tryCommit(
  engine: Engine,
  grantId: string,
  commit: Commit,
): Promise<CommitAnswer | undefined> {
  try {
    return await engine.store.commit(grantId, commit);
  } catch {
    return undefined;
  }
}

/**
 * Tries the write of an answer once, and keeps before it what may be needed beside it: see `doubtAbout`. `undefined`: the
 * store does not say.
 */
export async function offerCommit(engine: Engine, answered: Answered): Promise<CommitAnswer | undefined> {
  const { parent, commit } = answered;
  if (engine.rotationOf(parent).class === "last_wins") {
    try {
      const reading = await engine.store.read(parent.id);
      if (reading?.grant.version === parent.version) await keepSpent(engine, answered, reading);
    } catch {
      // It is looked at once more when the pair is stored.
    }
  }
  return tryCommit(engine, parent.id, commit);
}

/** Does what the answer of the store asks for, so that the token set is stored, kept beside what is, or revoked. */
export async function settleCommit(
  engine: Engine,
  answered: Answered,
  answer: CommitAnswer,
): Promise<Persisted> {
  const { parent, commit, tokenSet, sent, answeredAtMs } = answered;
  if (answer.status === "absent") return revokeLate(engine, parent, tokenSet, "missing");
  const { grant } = answer;
  noteReading(engine.shared, answer, engine.clock.nowMs());
  if (answer.status === "ended") return revokeLate(engine, parent, tokenSet, grant.endReason ?? "revoked");
  // An earlier try may have been applied although its acknowledgement got lost (X26).
  if (answer.status === "committed" || grant.sealedTokenSet === commit.sealedTokenSet) {
    const tookMs = engine.clock.nowMs() - answeredAtMs;
    const { version } = grant;
    const { attemptId } = sent;
    engine.emit({ type: "tokens_stored", ...about(engine, grant), attemptId, version, tookMs });
    await keepSpent(engine, answered, answer);
    return { kind: "stored", grant };
  }
  const current = openTokens(engine, grant)?.refreshToken;
  const spent = openTokens(engine, parent)?.refreshToken;
  // The stored refresh token, or the one before it, from a server that does not rotate each time: nothing is left to keep.
  if (tokenSet.refreshToken === current || tokenSet.refreshToken === spent)
    return { kind: "superseded", grant };
  if (current !== undefined && current === spent) {
    // A server that rotates now and then has answered another request with the old one, and has spent that since.
    const after = await tryCommit(engine, grant.id, commitFor(engine, grant, tokenSet, commit.lease));
    if (after?.status === "committed") {
      noteReading(engine.shared, after, engine.clock.nowMs());
      return { kind: "stored", grant: after.grant };
    }
  }
  await keepCandidate(engine, grant, tokenSet, sendNameOf(sent));
  return { kind: "superseded", grant };
}

/**
 * The grant ended while its refresh was under way: what came is revoked, not stored (I7). Not where a new sign-in of
 * the user took its place: at many servers both share one consent, and revoking the old chain would end the new one.
 */
function revokeLate(
  engine: Engine,
  parent: GrantRecord,
  tokenSet: TokenSet,
  reason: ReauthenticationReason,
): Persisted {
  if (reason !== "replaced") engine.background(revokeTokens(engine, parent, [tokenSet]));
  return { kind: "ended", reason };
}

/** Keeps the refresh token that was spent for an answer, unless it is kept already: see `doubtAbout`. */
async function keepSpent(
  engine: Engine,
  { parent, tokenSet, sent }: Answered,
  { grant, storeNowMs }: GrantReading,
): Promise<void> {
  const useful = doubtAbout(parent, grant, sent, engine.rotationOf(grant), storeNowMs);
  const spent = useful && (sent.candidate?.tokenSet ?? openTokens(engine, parent));
  if (!useful || !spent || spent.refreshToken === tokenSet.refreshToken) return;
  const version = parent.version + 1;
  const isKept = grant.candidates.some(
    (one) =>
      one.version === version &&
      usefulnessOf(one) !== undefined &&
      openCandidate(engine, grant, one)?.refreshToken === spent.refreshToken,
  );
  if (!isKept) await keepCandidate(engine, { ...grant, version }, spent, spentNameOf(sent, useful));
}

async function keepCandidate(
  engine: Engine,
  current: GrantRecord,
  tokenSet: TokenSet,
  attemptId: string,
): Promise<void> {
  const { pendingCandidates } = engine.shared;
  const key = `${current.id} ${attemptId}`;
  const candidate = sealCandidate(engine.sealer, current.id, current.version, attemptId, tokenSet);
  const keep = async (): Promise<boolean> => {
    if (await engine.store.addCandidate(current.id, candidate)) {
      engine.emit({ type: "candidate_kept", ...about(engine, current), attemptId });
    } else {
      const reading = await engine.store.read(current.id);
      revokeLate(engine, current, tokenSet, reading?.grant.endReason ?? "missing");
    }
    return pendingCandidates.delete(key) || true;
  };
  try {
    await keep();
  } catch {
    // Whoever waits is served with the other's tokens meanwhile.
    remember(pendingCandidates, key, keep);
    engine.background(
      offerAgain(engine, async () => !pendingCandidates.has(key) || (await keep()), FIRST_PAUSE_MS),
    );
  }
}

/**
 * Offers the store, once more, the candidates of a grant (of all grants) that it has not taken yet.
 *
 * @returns Whether none is left.
 */
export async function flushCandidates({ shared }: Engine, grantId?: string): Promise<boolean> {
  let left = 0;
  for (const [key, keep] of shared.pendingCandidates) {
    if (grantId !== undefined && !key.startsWith(`${grantId} `)) continue;
    await settled(keep());
    if (shared.pendingCandidates.has(key)) left++;
  }
  return left === 0;
}
