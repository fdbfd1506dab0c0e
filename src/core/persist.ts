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
import type { Commit, CommitAnswer, GrantReading } from "./grant-store.ts";
import { offerAgain } from "./offer-again.ts";
import { revokeTokens } from "./revoke-tokens.ts";
import { openTokens, sealCandidate, sealTokens } from "./seal-tokens.ts";
import { doubtAbout, spentNameOf } from "./spent-parent.ts";
import {
  joinFlight,
  MAX_PENDING_PER_GRANT,
  noteReading,
  remember,
  sendNameOf,
  type PendingRotation,
  type SentRequest,
} from "./single-flight.ts";
import { withTimeLimit } from "./time-limit.ts";
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

type Answered = Omit<PendingRotation, "flush">;

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 2_000;

/** How often a store that is away is offered what waits for it, in milliseconds. */
const OFFER_EACH_MS = 500;

/**
 * How much longer, in milliseconds, another process may have a newer refresh token in its memory that it has not got rid of
 * yet, because the store has only just come back: once more until a call of it gives up, and its next offer (S4).
 */
export function recoveryLeftMs({ clock, limits, storeTrouble }: Engine): number {
  if (storeTrouble.lastFailureMs === undefined) return 0;
  const wholeMs = limits.storeTimeoutMs + 2 * OFFER_EACH_MS;
  const leftMs = storeTrouble.lastFailureMs + wholeMs - clock.nowMs();
  // A failure from the future is of before the clock was set back (I17).
  return leftMs > wholeMs ? 0 : Math.max(0, leftMs);
}

/** Stores a token set that renews `parent`, whatever it takes within `persistBudgetMs`. */
export async function persist(
  engine: Engine,
  parent: GrantRecord,
  tokenSet: TokenSet,
  sent: SentRequest,
  lease?: Lease,
): Promise<Persisted> {
  const { clock, limits, shared } = engine;
  const { attemptId } = sent;
  const answeredAtMs = clock.nowMs();
  const commit = commitFor(engine, parent, tokenSet, lease);
  const answered: Answered = { parent, commit, tokenSet, sent, answeredAtMs };
  // What came before is stored before.
  await flushPending(engine, parent.id);
  const answer = await withTimeLimit(clock, limits.persistBudgetMs, async (limit) => {
    for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(2 * retryMs, MAX_RETRY_MS)) {
      const given = await tryCommit(engine, parent.id, commit);
      if (given !== undefined || limit.isOver()) return given;
      await clock.sleep(retryMs * (0.5 + engine.random() / 2));
    }
  });
  if (answer !== undefined) return settleCommit(engine, answered, answer);
  const flush = async (): Promise<Persisted | undefined> => {
    const given = await tryCommit(engine, parent.id, commit);
    if (given === undefined) return undefined;
    forget(engine, rotation);
    return settleCommit(engine, answered, given);
  };
  const rotation: PendingRotation = { ...answered, flush };
  const waiting = [...(shared.pendingRotations.get(parent.id) ?? []), rotation];
  remember(shared.pendingRotations, parent.id, waiting.slice(-MAX_PENDING_PER_GRANT));
  engine.emit({ type: "tokens_pending", ...about(engine, parent), attemptId, version: parent.version + 1 });
  engine.background(offerAgain(engine, () => isFlushed(engine, parent.id), OFFER_EACH_MS, OFFER_EACH_MS));
  return { kind: "pending", grant: withPending(engine, parent) };
}

/**
 * Stores the rotations of a grant that were kept in memory while the store was away, in their order. Whoever calls
 * meanwhile shares the try.
 *
 * @returns What became of the last one; `undefined` if there is none, or the store is still away.
 */
export async function flushPending(engine: Engine, grantId: string): Promise<Persisted | undefined> {
  const { flights, pendingRotations } = engine.shared;
  if (!pendingRotations.has(grantId)) return undefined;
  return joinFlight(flights, `flush ${grantId}`, async () => {
    let persisted: Persisted | undefined;
    for (let next = pendingRotations.get(grantId)?.[0]; next; next = pendingRotations.get(grantId)?.[0]) {
      persisted = await next.flush();
      if (persisted === undefined) return undefined;
    }
    return persisted;
  }).result;
}

function forget({ shared: { pendingRotations } }: Engine, done: PendingRotation): void {
  const { id } = done.parent;
  const left = pendingRotations.get(id)?.filter((rotation) => rotation !== done) ?? [];
  if (left.length === 0) pendingRotations.delete(id);
  else pendingRotations.set(id, left);
}

async function isFlushed(engine: Engine, grantId: string): Promise<boolean> {
  if (engine.shared.pendingRotations.has(grantId)) await flushPending(engine, grantId);
  return !engine.shared.pendingRotations.has(grantId);
}

/** The row as it will be once the store has taken the rotation that is kept in memory for it, if there is one (I5, I9). */
export function withPending({ shared }: Engine, grant: GrantRecord): GrantRecord {
  const waiting = shared.pendingRotations.get(grant.id);
  const commit = waiting?.find(({ parent }) => parent.version === grant.version)?.commit;
  if (grant.state === "ended" || commit === undefined) return grant;
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
  { parent, commit, tokenSet, sent, answeredAtMs }: Answered,
  answer: CommitAnswer,
): Promise<Persisted> {
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
    if (answer.status === "committed") await keepSpent(engine, parent, sent, answer);
    return { kind: "stored", grant };
  }
  const current = openTokens(engine, grant)?.refreshToken;
  const spent = openTokens(engine, parent)?.refreshToken;
  // The stored refresh token, or the one before it, from a server that does not rotate each time: nothing is left to keep.
  if (tokenSet.refreshToken === current || tokenSet.refreshToken === spent)
    return { kind: "superseded", grant };
  if (current !== undefined && current === spent) {
    // A server that rotates now and then has answered another request with the old one, and has spent that since.
    const after = await tryCommit(engine, grant.id, commitFor(engine, grant, tokenSet, undefined));
    if (after?.status === "committed") return { kind: "stored", grant: after.grant };
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

/** See `doubtAbout`. */
async function keepSpent(
  engine: Engine,
  parent: GrantRecord,
  sent: SentRequest,
  { grant, storeNowMs }: GrantReading,
): Promise<void> {
  const useful = doubtAbout(parent, grant, sent, engine.rotationOf(grant), storeNowMs);
  const spent = useful && openTokens(engine, parent);
  const isSpent = spent?.refreshToken !== openTokens(engine, grant)?.refreshToken;
  if (useful && spent && isSpent) await keepCandidate(engine, grant, spent, spentNameOf(sent, useful));
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
      offerAgain(engine, async () => !pendingCandidates.has(key) || (await keep()), FIRST_RETRY_MS),
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
