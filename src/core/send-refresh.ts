/**
 * Sends one refresh request, keeps the lease while it runs, and ends it at its deadline.
 *
 * @module
 */
import { about, refreshDeadlineMsOf, requestFor, settled, type Engine } from "./engine.ts";
import { persist } from "./persist.ts";
import type { Holding } from "./refresh-attempt.ts";
import type { RefreshOutcome } from "./refresher.ts";
import type { TokenSet } from "./token-set.ts";

const TIMEOUT: RefreshOutcome = { kind: "unknown", code: "timeout", answered: false };

/** How long after the deadline a refresher may take to notice it, in milliseconds. */
const GRACE_MS = 1_000;

/**
 * Sends the request. Never rejects, and settles by the deadline even if the refresher does not: an answer that comes
 * later is committed all the same, because its refresh token may be the only one left (I4).
 */
export async function sendRefresh(
  engine: Engine,
  holding: Holding,
  tokenSet: TokenSet,
  door: string,
): Promise<RefreshOutcome> {
  const { clock } = engine;
  const { grant, attemptId } = holding;
  const startedAtMs = clock.nowMs();
  engine.emit({ type: "refresh_started", ...about(engine, grant), attemptId, door, version: grant.version });
  const finished = new AbortController();
  const deadline = new AbortController();
  const deadlineMs = refreshDeadlineMsOf(grant, engine.limits);
  const expiry = clock.sleep(deadlineMs, finished.signal).then(async () => {
    deadline.abort();
    await clock.sleep(GRACE_MS, finished.signal);
    return TIMEOUT;
  });
  void keepLease(engine, holding, deadlineMs, finished.signal);
  const answer = askServer(engine, holding, tokenSet, deadline.signal);
  const outcome = await Promise.race([answer, expiry]);
  finished.abort();
  if (outcome === TIMEOUT) void engine.background(settled(commitLate(engine, holding, answer)));
  engine.emit({
    type: "refresh_ended",
    ...about(engine, grant),
    attemptId,
    outcome: outcome.kind,
    code: outcome.kind === "committed" ? "ok" : outcome.code,
    door,
    tookMs: clock.nowMs() - startedAtMs,
    version: outcome.kind === "committed" ? grant.version + 1 : grant.version,
    ...(outcome.kind === "committed" &&
      outcome.tokenSet.expiresAtMs !== undefined && { expiresAtMs: outcome.tokenSet.expiresAtMs }),
  });
  return outcome;
}

async function askServer(
  engine: Engine,
  { grant, attemptId }: Holding,
  tokenSet: TokenSet,
  signal: AbortSignal,
): Promise<RefreshOutcome> {
  try {
    return await engine.refresher.refresh(requestFor(grant, tokenSet, attemptId, signal));
  } catch {
    return { kind: "unknown", code: "refresher_threw", answered: false };
  }
}

/** Renews the lease at a quarter of its length until the request ends, at most until its deadline. */
async function keepLease(
  engine: Engine,
  holding: Holding,
  deadlineMs: number,
  finished: AbortSignal,
): Promise<void> {
  const { clock, store, limits } = engine;
  const { grant, lease, attemptId } = holding;
  const stopAtMs = clock.nowMs() + deadlineMs;
  while (clock.nowMs() < stopAtMs) {
    await clock.sleep(limits.leaseMs / 4, finished);
    if (finished.aborted) return;
    try {
      if (!(await store.renewLease(grant.id, lease, limits.leaseMs))) {
        engine.emit({ type: "lease_lost", ...about(engine, grant), attemptId });
        return;
      }
    } catch {
      // One renewal missed: the next may still come in time, and the commit does not need the lease.
    }
  }
}

async function commitLate(
  engine: Engine,
  { grant, attemptId }: Holding,
  answer: Promise<RefreshOutcome>,
): Promise<void> {
  const outcome = await answer;
  if (outcome.kind === "committed") await persist(engine, grant, outcome.tokenSet, attemptId);
}
