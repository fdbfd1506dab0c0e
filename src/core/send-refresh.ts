/**
 * Sends one refresh request and ends it at its deadline.
 *
 * @module
 */
import { about, refreshDeadlineMsOf, requestFor, type Engine } from "./engine.ts";
import { persist } from "./persist.ts";
import type { Holding } from "./refresh-attempt.ts";
import type { RefreshOutcome } from "./refresher.ts";
import { mergedTokenSet, type TokenTarget } from "./token-target.ts";
import type { TokenSet } from "./token-set.ts";

const TIMEOUT: RefreshOutcome = { kind: "unknown", code: "timeout", answered: false };

/** How long after the deadline a refresher may take to notice it, in milliseconds. */
export const GRACE_MS = 1_000;

/** What is sent, and for whom. */
export interface RefreshSend {
  /** The token set whose refresh token is spent. */
  readonly tokenSet: TokenSet;
  /** What the new access token is for; `undefined`: what the sign-in asked for. */
  readonly target: TokenTarget | undefined;
  readonly door: string;
}

/**
 * Sends the request. Never rejects, and settles by the deadline even if the refresher does not: an answer that comes
 * later is committed all the same, because its refresh token may be the only one left (I4).
 */
export async function sendRefresh(
  engine: Engine,
  holding: Holding,
  send: RefreshSend,
): Promise<RefreshOutcome> {
  const { clock } = engine;
  const { grant, attemptId } = holding;
  const { door } = send;
  const startedAtMs = clock.nowMs();
  engine.emit({ type: "refresh_started", ...about(engine, grant), attemptId, door, version: grant.version });
  const finished = new AbortController();
  const deadline = new AbortController();
  const expiry = clock.sleep(refreshDeadlineMsOf(engine, grant), finished.signal).then(async () => {
    deadline.abort();
    await clock.sleep(GRACE_MS, finished.signal);
    return TIMEOUT;
  });
  const answer = askServer(engine, holding, send, deadline.signal);
  const outcome = await Promise.race([answer, expiry]);
  finished.abort();
  if (outcome === TIMEOUT) engine.background(commitLate(engine, holding, answer));
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
  { tokenSet, target }: RefreshSend,
  signal: AbortSignal,
): Promise<RefreshOutcome> {
  try {
    const outcome = await engine.refresher.refresh(requestFor(grant, tokenSet, attemptId, signal, target));
    if (outcome.kind !== "committed") return outcome;
    return {
      ...outcome,
      tokenSet: mergedTokenSet(tokenSet, outcome.tokenSet, target, engine.rotationOf(grant)),
    };
  } catch {
    return { kind: "unknown", code: "refresher_threw", answered: false };
  }
}

async function commitLate(
  engine: Engine,
  { grant, attemptId }: Holding,
  answer: Promise<RefreshOutcome>,
): Promise<void> {
  const outcome = await answer;
  if (outcome.kind !== "committed") return;
  engine.emit({ type: "late_answer", ...about(engine, grant), attemptId });
  await persist(engine, grant, outcome.tokenSet, attemptId);
}
