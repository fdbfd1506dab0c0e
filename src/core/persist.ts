/**
 * Brings a fresh token set into durable storage: by compare-and-set on the version, again and again while the store
 * is away, as a sealed candidate where somebody else was first, and not at all where the user signed out meanwhile.
 * A refresh token that the server has just issued is the only one of its chain, so nothing here drops one (I4).
 *
 * @module
 */
import { about, settled, type Engine } from "./engine.ts";
import type { ReauthenticationReason } from "./errors.ts";
import type { GrantRecord, Lease } from "./grant.ts";
import type { Commit, CommitAnswer } from "./grant-store.ts";
import { revokeTokens } from "./revoke-tokens.ts";
import { sealCandidate, sealTokens } from "./seal-tokens.ts";
import { remember, type PendingRotation } from "./single-flight.ts";
import type { TokenSet } from "./token-set.ts";

/** Where a fresh token set ended up. */
export type Persisted =
  /** Durable as the grant's current token set. */
  | { readonly kind: "stored"; readonly grant: GrantRecord }
  /** Another process committed first; ours is kept as a candidate, theirs is current. */
  | { readonly kind: "superseded"; readonly grant: GrantRecord }
  /** The store is away: the token set is kept in memory and flushed before anything else happens to the grant (I5). */
  | { readonly kind: "pending" }
  | { readonly kind: "ended"; readonly reason: ReauthenticationReason };

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 2_000;
const MAX_FLUSH_PAUSE_MS = 15_000;
/** How long a rotation that the store has not taken is offered again, in milliseconds: an hour. */
const MAX_PENDING_MS = 3_600_000;

/** Stores a token set that renews `parent`, whatever it takes within `persistBudgetMs`. */
export async function persist(
  engine: Engine,
  parent: GrantRecord,
  tokenSet: TokenSet,
  attemptId: string,
  lease?: Lease,
): Promise<Persisted> {
  const { clock, limits, shared } = engine;
  const commit = commitFor(engine, parent, tokenSet, lease);
  const giveUpAtMs = clock.nowMs() + limits.persistBudgetMs;
  for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(2 * retryMs, MAX_RETRY_MS)) {
    const answer = await tryCommit(engine, parent.id, commit);
    if (answer !== undefined) return settleCommit(engine, parent, { commit, tokenSet, attemptId }, answer);
    if (clock.nowMs() >= giveUpAtMs) break;
    await clock.sleep(retryMs * (0.5 + engine.random() / 2));
  }
  remember(shared.pendingRotations, parent.id, { commit, tokenSet, attemptId, sinceMs: clock.nowMs() });
  void settled(flushLater(engine, parent));
  return { kind: "pending" };
}

/** Offers a pending rotation to the store until it takes it, for at most {@link MAX_PENDING_MS}. */
async function flushLater(engine: Engine, parent: GrantRecord): Promise<void> {
  const { clock, shared } = engine;
  const giveUpAtMs = clock.nowMs() + MAX_PENDING_MS;
  for (
    let pauseMs = MAX_RETRY_MS;
    clock.nowMs() < giveUpAtMs;
    pauseMs = Math.min(2 * pauseMs, MAX_FLUSH_PAUSE_MS)
  ) {
    await clock.sleep(pauseMs * (0.5 + engine.random() / 2));
    if (!shared.pendingRotations.has(parent.id)) return;
    await flushPending(engine, parent);
  }
}

/**
 * Stores a rotation that was kept in memory while the store was away.
 *
 * @returns `undefined` if there is none, or the store is still away.
 */
export async function flushPending(engine: Engine, parent: GrantRecord): Promise<Persisted | undefined> {
  const { pendingRotations } = engine.shared;
  const pending = pendingRotations.get(parent.id);
  if (pending === undefined) return undefined;
  const answer = await tryCommit(engine, parent.id, pending.commit);
  if (answer === undefined) return undefined;
  if (pendingRotations.get(parent.id) === pending) pendingRotations.delete(parent.id);
  return settleCommit(engine, parent, pending, answer);
}

function commitFor(
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

async function tryCommit(engine: Engine, grantId: string, commit: Commit): Promise<CommitAnswer | undefined> {
  try {
    return await engine.store.commit(grantId, commit);
  } catch {
    return undefined;
  }
}

async function settleCommit(
  engine: Engine,
  parent: GrantRecord,
  { commit, tokenSet, attemptId }: Omit<PendingRotation, "sinceMs">,
  answer: CommitAnswer,
): Promise<Persisted> {
  switch (answer.status) {
    case "committed":
      return { kind: "stored", grant: answer.grant };
    case "conflict":
      // An earlier try was applied although its acknowledgement got lost (X26).
      if (answer.grant.sealedTokenSet === commit.sealedTokenSet)
        return { kind: "stored", grant: answer.grant };
      await keepCandidate(engine, answer.grant, tokenSet, attemptId);
      return { kind: "superseded", grant: answer.grant };
    case "ended":
    case "absent":
      void engine.background(settled(revokeTokens(engine, parent, [tokenSet])));
      return {
        kind: "ended",
        reason: answer.status === "ended" ? (answer.grant.endReason ?? "revoked") : "missing",
      };
  }
}

async function keepCandidate(
  engine: Engine,
  current: GrantRecord,
  tokenSet: TokenSet,
  attemptId: string,
): Promise<void> {
  const candidate = sealCandidate(engine.sealer, current.id, current.version, attemptId, tokenSet);
  try {
    if (await engine.store.addCandidate(current.id, candidate)) {
      engine.emit({ type: "candidate_kept", ...about(engine, current), attemptId });
      return;
    }
  } catch {
    // The current token set is somebody else's and good; only the spare is lost, and the failure has been told.
    return;
  }
  void engine.background(settled(revokeTokens(engine, current, [tokenSet])));
}
