/**
 * Brings a fresh token set into durable storage: by compare-and-set on the version, again and again while the store
 * is away, as a sealed candidate where somebody else was first, and not at all where the user signed out meanwhile.
 * A refresh token that the server has just issued is the only one of its chain, so nothing here drops one (I4).
 *
 * @module
 */
import { about, type Engine } from "./engine.ts";
import type { GrantRecord, Lease } from "./grant.ts";
import { offerAgain } from "./offer-again.ts";
import { commitFor, offerCommit, settleCommit, type Answered, type Persisted } from "./settle-commit.ts";
import {
  joinFlight,
  MAX_PENDING_PER_GRANT,
  remember,
  type PendingRotation,
  type SentRequest,
} from "./single-flight.ts";
import { withTimeLimit } from "./time-limit.ts";
import type { TokenSet } from "./token-set.ts";

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 2_000;

/** How often a store that is away is offered what waits for it, in milliseconds. */
const OFFER_EACH_MS = 500;

/** How long refreshes wait at most for a store that can be read to stop failing, in milliseconds. */
const MAX_RECOVERY_MS = 30_000;

/**
 * How much longer, in milliseconds, another process may have a newer refresh token in its memory that it has not got rid of
 * yet, because the store has only just come back: once more until a call of it gives up, and its next offer (S4).
 */
export function recoveryLeftMs({ clock, limits, storeTrouble }: Engine): number {
  const nowMs = clock.nowMs();
  const wholeMs = limits.storeTimeoutMs + 2 * OFFER_EACH_MS;
  const leftMs = (storeTrouble.lastFailureMs ?? Number.NEGATIVE_INFINITY) + wholeMs - nowMs;
  // A failure from the future is of before the clock was set back (I17).
  if (leftMs <= 0 || leftMs > wholeMs) {
    storeTrouble.waitingSinceMs = undefined;
    return 0;
  }
  storeTrouble.waitingSinceMs ??= nowMs;
  // A store that fails now and then, and works in between, must not keep anybody waiting for ever (I11, I20).
  return nowMs - storeTrouble.waitingSinceMs < MAX_RECOVERY_MS ? leftMs : 0;
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
      const given = await offerCommit(engine, answered);
      if (given !== undefined || limit.isOver()) return given;
      await clock.sleep(retryMs * (0.5 + engine.random() / 2));
    }
  });
  if (answer !== undefined) return settleCommit(engine, answered, answer);
  const flush = async (by: Engine): Promise<Persisted | undefined> => {
    const keeper = (await takesOver(by, engine, parent.id)) ? by : engine;
    const given = await offerCommit(keeper, answered);
    if (given === undefined) return undefined;
    forget(keeper, rotation);
    return settleCommit(keeper, answered, given);
  };
  const rotation: PendingRotation = { ...answered, flush };
  const waiting = [...(shared.pendingRotations.get(parent.id) ?? []), rotation];
  remember(shared.pendingRotations, parent.id, waiting.slice(-MAX_PENDING_PER_GRANT));
  engine.emit({ type: "tokens_pending", ...about(engine, parent), attemptId, version: parent.version + 1 });
  engine.background(offerAgain(engine, () => isFlushed(engine, parent.id), OFFER_EACH_MS, OFFER_EACH_MS));
  return { kind: "pending", grant: withPending(engine, parent) };
}

/** Whether an engine stores for another: that one is closed, and the grant is in its own store as well (I4). */
async function takesOver(by: Engine, closed: Engine, grantId: string): Promise<boolean> {
  if (!closed.closing.aborted || by.closing.aborted) return false;
  try {
    return (await by.store.read(grantId)) !== undefined;
  } catch {
    return false;
  }
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
      persisted = await next.flush(engine);
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
