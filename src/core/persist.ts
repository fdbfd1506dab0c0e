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
import { joinFlight, remember, type PendingRotation } from "./single-flight.ts";
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
  const rotation = { parent, commit: commitFor(engine, parent, tokenSet, lease), tokenSet, attemptId };
  const giveUpAtMs = clock.nowMs() + limits.persistBudgetMs;
  for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(2 * retryMs, MAX_RETRY_MS)) {
    const answer = await tryCommit(engine, parent.id, rotation.commit);
    if (answer !== undefined) return settleCommit(engine, rotation, answer);
    if (clock.nowMs() >= giveUpAtMs) break;
    await clock.sleep(retryMs * (0.5 + engine.random() / 2));
  }
  remember(shared.pendingRotations, parent.id, rotation);
  void settled(flushLater(engine, parent.id));
  return { kind: "pending", grant: withPending(engine, parent) };
}

/** Offers a pending rotation to the store until it takes it, for at most {@link MAX_PENDING_MS}. */
async function flushLater(engine: Engine, grantId: string): Promise<void> {
  const { clock, shared } = engine;
  const giveUpAtMs = clock.nowMs() + MAX_PENDING_MS;
  for (
    let pauseMs = MAX_RETRY_MS;
    clock.nowMs() < giveUpAtMs;
    pauseMs = Math.min(2 * pauseMs, MAX_FLUSH_PAUSE_MS)
  ) {
    await clock.sleep(pauseMs * (0.5 + engine.random() / 2));
    if (!shared.pendingRotations.has(grantId)) return;
    await flushPending(engine, grantId);
  }
}

/**
 * Stores a rotation that was kept in memory while the store was away. Whoever calls meanwhile shares the try.
 *
 * @returns `undefined` if there is none, or the store is still away.
 */
export async function flushPending(engine: Engine, grantId: string): Promise<Persisted | undefined> {
  const { flights, pendingRotations } = engine.shared;
  const pending = pendingRotations.get(grantId);
  if (pending === undefined) return undefined;
  return joinFlight(flights, `flush ${grantId}`, async () => {
    const answer = await tryCommit(engine, grantId, pending.commit);
    if (answer === undefined) return undefined;
    if (pendingRotations.get(grantId) === pending) pendingRotations.delete(grantId);
    return settleCommit(engine, pending, answer);
  }).result;
}

/** The row as it will be once the store has taken the rotation that is kept in memory for it, if there is one (I5, I9). */
export function withPending({ shared }: Engine, grant: GrantRecord): GrantRecord {
  const commit = shared.pendingRotations.get(grant.id)?.commit;
  if (grant.state === "ended" || commit?.expectedVersion !== grant.version) return grant;
  const { sealedTokenSet, keyId, refreshable } = commit;
  const { accessTokenIssuedAtMs, accessTokenExpiresAtMs, refreshTokenExpiresAtMs } = commit;
  return {
    ...grant,
    version: grant.version + 1,
    sealedTokenSet,
    keyId,
    refreshable,
    accessTokenIssuedAtMs,
    accessTokenExpiresAtMs,
    refreshTokenExpiresAtMs,
  };
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
  { parent, commit, tokenSet, attemptId }: PendingRotation,
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
      return revokeLate(
        engine,
        parent,
        tokenSet,
        answer.status === "ended" ? (answer.grant.endReason ?? "revoked") : "missing",
      );
  }
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
  if (reason !== "replaced") void engine.background(settled(revokeTokens(engine, parent, [tokenSet])));
  return { kind: "ended", reason };
}

async function keepCandidate(
  engine: Engine,
  current: GrantRecord,
  tokenSet: TokenSet,
  attemptId: string,
): Promise<void> {
  const candidate = sealCandidate(engine.sealer, current.id, current.version, attemptId, tokenSet);
  const keep = async (): Promise<void> => {
    if (await engine.store.addCandidate(current.id, candidate)) {
      engine.emit({ type: "candidate_kept", ...about(engine, current), attemptId });
      return;
    }
    const reading = await engine.store.read(current.id);
    revokeLate(engine, current, tokenSet, reading?.grant.endReason ?? "missing");
  };
  try {
    await keep();
  } catch {
    // Whoever waits is served with the other's tokens meanwhile.
    void engine.background(settled(keepTrying(engine, keep)));
  }
}

/** Repeats a write that failed until the store takes it, for at most `persistBudgetMs`. */
async function keepTrying({ clock, limits, random }: Engine, write: () => Promise<unknown>): Promise<void> {
  const giveUpAtMs = clock.nowMs() + limits.persistBudgetMs;
  for (
    let retryMs = FIRST_RETRY_MS;
    clock.nowMs() < giveUpAtMs;
    retryMs = Math.min(2 * retryMs, MAX_RETRY_MS)
  ) {
    await clock.sleep(retryMs * (0.5 + random() / 2));
    try {
      await write();
      return;
    } catch {
      // Told as an event.
    }
  }
}
