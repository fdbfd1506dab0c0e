/**
 * Sends one refresh request. Whoever waits for it waits until its deadline; the request itself lives on for a while, as
 * its answer may hold the only refresh token that is left (I4).
 *
 * @module
 */
import { about, refreshDeadlineMsOf, requestFor, type Engine } from "./engine.ts";
import { persist } from "./persist.ts";
import type { Holding } from "./refresh-attempt.ts";
import type { RefreshOutcome, RefreshRequest } from "./refresher.ts";
import { remember } from "./single-flight.ts";
import { mergedTokenSet, type TokenTarget } from "./token-target.ts";
import type { TokenSet } from "./token-set.ts";

const TIMEOUT: RefreshOutcome = { kind: "unknown", code: "timeout", answered: false };

/** How long after its deadline a request is still kept open for its answer, in milliseconds: a minute. */
export const LATE_ANSWER_MS = 60_000;

/** What is sent, and for whom. */
export interface RefreshSend {
  /** The token set whose refresh token is spent. */
  readonly tokenSet: TokenSet;
  /** What the new access token is for; `undefined`: what the sign-in asked for. */
  readonly target: TokenTarget | undefined;
  readonly door: string;
}

/**
 * Sends the request. Never rejects, and settles by the deadline whatever the refresher does. An answer that comes later
 * is committed, kept or revoked all the same, for as long as the refresher waits for it: {@link LATE_ANSWER_MS}.
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
  const givenUp = new AbortController();
  const expiry = clock.sleep(refreshDeadlineMsOf(engine, grant), finished.signal).then(async () => {
    deadline.abort();
    // What was not sent by now says so at once.
    await clock.sleep(0, finished.signal);
    return TIMEOUT;
  });
  const answer = askServer(engine, holding, send, { sendBy: deadline.signal, signal: givenUp.signal });
  const outcome = await Promise.race([answer, expiry]);
  finished.abort();
  if (outcome === TIMEOUT) engine.background(commitLate(engine, holding, answer, givenUp));
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
  tellMismatch(engine, holding, outcome);
  return outcome;
}

async function askServer(
  engine: Engine,
  { grant, attemptId }: Holding,
  { tokenSet, target }: RefreshSend,
  { sendBy, signal }: Required<Pick<RefreshRequest, "sendBy" | "signal">>,
): Promise<RefreshOutcome> {
  try {
    const request = requestFor(grant, tokenSet, attemptId, signal, target);
    const outcome = await engine.refresher.refresh({ ...request, sendBy });
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
  holding: Holding,
  answer: Promise<RefreshOutcome>,
  givenUp: AbortController,
): Promise<void> {
  const { lateRequests } = engine.shared;
  const { grant, attemptId } = holding;
  const untilMs = engine.clock.nowMs() + LATE_ANSWER_MS;
  remember(lateRequests, grant.id, untilMs);
  const answered = new AbortController();
  void engine.clock.sleep(LATE_ANSWER_MS, answered.signal).then(() => givenUp.abort());
  const outcome = await answer;
  answered.abort();
  if (outcome.kind === "committed") {
    engine.emit({ type: "late_answer", ...about(engine, grant), attemptId });
    await persist(engine, grant, outcome.tokenSet, holding);
  }
  tellMismatch(engine, holding, outcome);
  if (lateRequests.get(grant.id) === untilMs) lateRequests.delete(grant.id);
}

/** Tells of an answer with somebody else's tokens: whoever watches the server has to know, however late it came (SEC-43). */
function tellMismatch(engine: Engine, { grant, attemptId }: Holding, outcome: RefreshOutcome): void {
  if (outcome.kind === "committed_bad" && outcome.code === "subject_mismatch")
    engine.emit({ type: "subject_mismatch", ...about(engine, grant), attemptId });
}

/** How long a request of this process that is past its deadline may still be answered, in milliseconds; 0: there is none. */
export function lateLeftMs({ clock, shared }: Engine, grantId: string): number {
  const leftMs = (shared.lateRequests.get(grantId) ?? 0) - clock.nowMs();
  // One that seems to last longer than any began before the clock was set back (I17).
  return leftMs > LATE_ANSWER_MS ? 0 : Math.max(0, leftMs);
}
