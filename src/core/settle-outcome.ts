/**
 * What each class of outcome does to the grant, under the lease.
 *
 * Only a confirmed `invalid_grant` ends a grant: after a re-read that shows no newer version, and after the kept
 * candidates were tried (I6). Everything else leaves it alive, with a pause.
 *
 * @module
 */
import { pauseAfterMs } from "./backoff.ts";
import { bury, buryUnheard } from "./clear-ended.ts";
import { settled, type Engine } from "./engine.ts";
import type { Candidate, EndReason, GrantRecord, Intent } from "./grant.ts";
import type { LeaseNote } from "./grant-store.ts";
import { mayStillWin, QUIET_TIME_MS, sinceFirst } from "./intent.ts";
import { offerAgain } from "./offer-again.ts";
import { persist } from "./persist.ts";
import { adopted, again, type FlightResult, type Holding } from "./refresh-attempt.ts";
import type { RefreshOutcome } from "./refresher.ts";
import { sendWithinWindow } from "./resend.ts";
import { longestPauseMs } from "./rotation.ts";
import { openTokens } from "./seal-tokens.ts";
import { flushCandidates } from "./settle-commit.ts";
import { lateLeftMs, type RefreshSend } from "./send-refresh.ts";
import { remember } from "./single-flight.ts";
import { giveBack, retakeLease } from "./take-lease.ts";
import { targetKeyOf } from "./token-target.ts";
import { tryCandidates } from "./try-candidates.ts";
import type { TokenSet } from "./token-set.ts";

/** How soon to look whether an end was applied whose acknowledgement got lost. */
const LOOK_AGAIN_MS = 1_000;

type Failure = Exclude<RefreshOutcome, { kind: "committed" }>;

/** Brings an attempt to its end: commits, ends the grant, or pauses. */
export async function settleOutcome(
  engine: Engine,
  holding: Holding,
  outcome: RefreshOutcome,
  { door, target }: Pick<RefreshSend, "door" | "target">,
): Promise<FlightResult> {
  if (outcome.kind === "committed") return settleCommitted(engine, holding, outcome.tokenSet, door);
  const key = targetKeyOf(target);
  if (outcome.kind === "rejected") {
    return key === undefined
      ? settleRejected(engine, holding, door)
      : settleRejectedTarget(engine, holding, key, door);
  }
  if (outcome.kind === "config" && key !== undefined)
    return settleRefusedTarget(engine, holding, key, outcome);
  return settleFailed(engine, holding, outcome, door);
}

/** One resource that the server does not know must not keep the token of the sign-in from being renewed. */
async function settleRefusedTarget(
  engine: Engine,
  holding: Holding,
  key: string,
  { code, retryAfterMs }: Failure,
): Promise<FlightResult> {
  const { grant, lease, unresolved } = holding;
  const waitMs = refuseTarget(engine, grant, key, code, retryAfterMs);
  await giveBack(engine, grant, lease, { intent: unresolved });
  return { kind: "failed", code, retryInMs: waitMs };
}

/**
 * Some servers say `invalid_grant` of a target that the user has not consented to. Whether it was meant of the refresh
 * token, the server says when it is asked for what the sign-in asked for.
 */
async function settleRejectedTarget(
  engine: Engine,
  holding: Holding,
  key: string,
  door: string,
): Promise<FlightResult> {
  const { grant } = holding;
  const tokenSet = openTokens(engine, grant);
  if (tokenSet === undefined)
    return settleFailed(engine, holding, { kind: "config", code: "unseal_failed" }, door);
  const retaken = await retakeLease(engine, { ...holding, target: undefined }, door);
  if ("gone" in retaken) return retaken.gone;
  const send = { tokenSet, target: undefined, door };
  const sent = await sendWithinWindow(engine, again(retaken.holding), send);
  if ("gone" in sent) return sent.gone;
  if (sent.outcome.kind === "committed") refuseTarget(engine, grant, key, "invalid_grant");
  return settleOutcome(engine, sent.holding, sent.outcome, send);
}

/** Keeps this process from asking for the target for a while. Returns for how long, in milliseconds. */
function refuseTarget(
  { random, shared, clock }: Engine,
  grant: GrantRecord,
  key: string,
  code: string,
  retryAfterMs?: number,
): number {
  const waitMs = pauseAfterMs("config", 1, random(), retryAfterMs);
  remember(shared.refusedTargets, `${grant.id} ${key}`, { untilMs: clock.nowMs() + waitMs, code });
  return waitMs;
}

/** Stores what the server has issued, and publishes it. */
export async function settleCommitted(
  engine: Engine,
  holding: Holding,
  tokenSet: TokenSet,
  door: string,
): Promise<FlightResult> {
  const { grant, lease, target } = holding;
  const persisted = await persist(engine, grant, tokenSet, holding, lease);
  switch (persisted.kind) {
    case "stored":
      return { kind: "refreshed", grant: persisted.grant, tokenSet, degraded: false, target };
    case "pending":
      return { kind: "refreshed", grant: persisted.grant, tokenSet, degraded: true, target };
    case "superseded":
      await settled(engine.store.releaseLease(grant.id, lease, { intent: null }));
      return adopted(engine, persisted.grant, door);
    case "ended":
      return { kind: "ended", reason: persisted.reason };
  }
}

/** Leaves the grant alive, with a pause for all processes. */
export async function settleFailed(
  engine: Engine,
  holding: Holding,
  outcome: Failure,
  door: string,
): Promise<FlightResult> {
  const { grant, lease } = holding;
  const kind = outcome.kind === "rejected" ? "unknown" : outcome.kind;
  const failures = (grant.backoff?.failures ?? 0) + 1;
  const intent = intentAfter(holding, outcome);
  // The first lost answer opens the window. An outage that goes on is no reason to ask often.
  const opensWindow = intent !== null && holding.unresolved === null;
  const mostMs = opensWindow ? longestPauseMs(engine.rotationOf(grant)) : undefined;
  const waitMs = pauseAfterMs(kind, failures, engine.random(), outcome.retryAfterMs, mostMs);
  const backoff = { failures, waitMs, code: outcome.code };
  const isNoted = await giveBack(engine, grant, lease, { intent, backoff });
  const moved = isNoted ? undefined : await noteLate(engine, holding, outcome, { backoff, door });
  return moved ?? { kind: "failed", code: outcome.code, retryInMs: waitMs };
}

/**
 * Leaves the pause, and what the answer says of the intent, where the lease had gone before the answer was there, and
 * whoever took it has given it back: what the server asks for goes for all processes (X11, I10, I12). An attempt without
 * an answer needs no note, as its intent tells until when it is open.
 *
 * @returns What somebody else has made of the grant meanwhile, if it is another one.
 */
async function noteLate(
  engine: Engine,
  holding: Holding,
  outcome: Failure,
  { backoff, door }: { readonly backoff: NonNullable<LeaseNote["backoff"]>; readonly door: string },
): Promise<FlightResult | undefined> {
  if (outcome.kind === "unknown" && outcome.answered !== true) return undefined;
  const retaken = await retakeLease(engine, holding, door);
  if ("gone" in retaken) return retaken.gone.kind === "failed" ? undefined : retaken.gone;
  const { grant, lease } = retaken.holding;
  await giveBack(engine, grant, lease, { intent: intentAfter(retaken.holding, outcome), backoff });
  return undefined;
}

/** The intent that an attempt of unknown outcome leaves behind (M21). */
function intentAfter({ grant, unresolved }: Holding, outcome: Failure): Intent | null {
  const lost = outcome.kind === "unknown" || outcome.kind === "committed_bad";
  if (grant.intent === null || !lost) return unresolved;
  const answered = outcome.kind === "committed_bad" || outcome.answered === true;
  return sinceFirst(grant.intent, unresolved, answered ? "answered" : "unknown");
}

/** @param tried The candidates that were refused as well. */
async function settleRejected(
  engine: Engine,
  holding: Holding,
  door: string,
  tried: readonly Candidate[] = [],
): Promise<FlightResult> {
  if (!(await flushCandidates(engine, holding.grant.id))) {
    // One of them may be the live one, and nobody else knows of it.
    return settleFailed(engine, holding, { kind: "not_sent", code: "store_failed" }, door);
  }
  const retaken = await retakeLease(engine, holding, door);
  if ("gone" in retaken) return retaken.gone;
  const { storeNowMs } = retaken;
  const { grant, lease, unresolved } = retaken.holding;
  const openMs = Math.max(untilToldMs(unresolved, storeNowMs), lateLeftMs(engine, grant.id));
  if (openMs > 0) {
    // An earlier request is still out, and may be the winner: nothing is ended before it must have told (I6).
    const waitMs = openMs + QUIET_TIME_MS;
    const failures = (grant.backoff?.failures ?? 0) + 1;
    const backoff = { failures, waitMs, code: "unresolved_refresh" };
    await giveBack(engine, grant, lease, { intent: unresolved, backoff });
    return { kind: "failed", code: "unresolved_refresh", retryInMs: waitMs };
  }
  const candidates = grant.candidates.filter((one) =>
    tried.every((other) => other.attemptId !== one.attemptId),
  );
  if (candidates.length > 0) {
    const left = { ...retaken.holding, grant: { ...grant, candidates } };
    const rescued = await tryCandidates(engine, left, door, storeNowMs);
    // Another process may have kept one more meanwhile.
    return rescued ?? settleRejected(engine, retaken.holding, door, [...tried, ...candidates]);
  }
  const lost =
    unresolved !== null || (grant.backoff !== null && /^(http_5|timeout|reset)/.test(grant.backoff.code));
  return endRejected(engine, grant, lost ? "lost_response" : "rejected", door);
}

/** How long an attempt that somebody left behind may still be answered, in milliseconds; 0: no longer. */
function untilToldMs(intent: Intent | null, storeNowMs: number): number {
  return intent !== null && mayStillWin(intent, storeNowMs) ? intent.deadlineAtMs - storeNowMs : 0;
}

async function endRejected(
  engine: Engine,
  grant: GrantRecord,
  reason: EndReason,
  door: string,
): Promise<FlightResult> {
  const wipeOnly = { revoke: false };
  let before: GrantRecord | undefined;
  try {
    before = await engine.store.end(grant.id, reason, grant.version);
  } catch (error) {
    // It may have been applied. If not, the next refresh is refused like this one, and ends the grant then.
    engine.background(
      offerAgain(engine, () => buryUnheard(engine, grant.id, reason, wipeOnly), LOOK_AGAIN_MS),
    );
    throw error;
  }
  if (before !== undefined) {
    bury(engine, grant, reason, wipeOnly);
    return { kind: "ended", reason };
  }
  const reading = await engine.store.read(grant.id);
  if (reading === undefined) return { kind: "ended", reason: "missing" };
  if (reading.grant.state === "ended") return { kind: "ended", reason: reading.grant.endReason ?? reason };
  return adopted(engine, reading.grant, door);
}
