/**
 * One refresh of one grant, from the lease to the release: the protocol of nolapse on one page.
 *
 * 1. take the lease and write the intent in one store write; whoever does not get it polls and adopts;
 * 2. re-read under the lease: somebody may have refreshed, backed off, or left a refresh of unknown outcome;
 * 3. send one refresh request, renewing the lease while it runs, and again only where the server allows it;
 * 4. commit by version, publish to whoever waits, give the lease back.
 *
 * Nothing here belongs to a caller: callers come and go, the attempt runs to its end.
 *
 * @module
 */
import { LONGEST_PAUSE_MS } from "./backoff.ts";
import { decide, timingOfGrant } from "./decide.ts";
import { about, refreshDeadlineMsOf, type Engine } from "./engine.ts";
import type { ReauthenticationReason } from "./errors.ts";
import type { GrantRecord, Intent, Lease } from "./grant.ts";
import { asOfNow, mayBeReplay, readIntent } from "./intent.ts";
import { flushPending, recoveryLeftMs } from "./persist.ts";
import { openTokens } from "./seal-tokens.ts";
import { sendWithinWindow } from "./resend.ts";
import { settleOutcome } from "./settle-outcome.ts";
import type { SentCandidate } from "./single-flight.ts";
import { CLOSING, giveBack, STORE_RETRY_MS, takeLease, type Acquired } from "./take-lease.ts";
import type { TokenSet } from "./token-set.ts";
import { recordFor, type TokenTarget } from "./token-target.ts";

/** What somebody wants refreshed. */
export interface RefreshAsk {
  /** The grant as it was read. A newer version in the store satisfies the ask. */
  readonly seen: GrantRecord;
  /** Who asked first, for events: `session`, `get-access-token`, `fetch`, ... */
  readonly door: string;
  /** What the access token is for; absent: what the sign-in asked for. */
  readonly target?: TokenTarget | undefined;
}

/** How an attempt ended, as whoever waits for it sees it. */
export type FlightResult =
  /** New tokens, durable (or `degraded`: kept in memory while the store is away). */
  | {
      readonly kind: "refreshed";
      readonly grant: GrantRecord;
      readonly tokenSet: TokenSet;
      readonly degraded: boolean;
      /** What the new access token is for. */
      readonly target: TokenTarget | undefined;
    }
  /** Another process refreshed; this is the row as it is now. */
  | { readonly kind: "adopted"; readonly grant: GrantRecord }
  /** Nothing new, for now. */
  | { readonly kind: "failed"; readonly code: string; readonly retryInMs: number }
  | { readonly kind: "ended"; readonly reason: ReauthenticationReason };

/** A held lease and what was found under it. */
export interface Holding {
  readonly lease: Lease;
  readonly grant: GrantRecord;
  readonly attemptId: string;
  /** Which request of the attempt comes next or is out, from 1. */
  readonly request: number;
  /** What the new access token is to be for; `undefined`: what the sign-in asked for. */
  readonly target: TokenTarget | undefined;
  /** The intent of an earlier attempt on the same version whose outcome nobody knows. */
  readonly unresolved: Intent | null;
  /** How long ago the refresh token of this version was sent first when the lease was taken, in milliseconds; 0: not yet. */
  readonly sinceFirstSendMs: number;
  /** The kept token set that is sent in place of the stored one. */
  readonly candidate?: SentCandidate | undefined;
}

/** The same for the next request of the attempt. */
export function again(holding: Holding): Holding {
  return { ...holding, request: holding.request + 1 };
}

/** A missing key comes back with a deployment, not within a request. */
const UNSEAL_FAILED: FlightResult = { kind: "failed", code: "unseal_failed", retryInMs: 30_000 };

/** Runs one attempt. Never rejects. */
export async function attemptRefresh(engine: Engine, ask: RefreshAsk): Promise<FlightResult> {
  try {
    return await attempt(engine, ask);
  } catch {
    // The store's failure has been told as an event; the session stands (I6).
    return { kind: "failed", code: "store_failed", retryInMs: STORE_RETRY_MS };
  }
}

async function attempt(engine: Engine, ask: RefreshAsk): Promise<FlightResult> {
  const flushed = await flushPending(engine, ask.seen.id);
  if (flushed?.kind === "stored" || flushed?.kind === "superseded")
    return adopted(engine, flushed.grant, ask.door);
  if (engine.shared.pendingRotations.has(ask.seen.id)) {
    // The newest refresh token is in memory only: sending the stored one would be a replay (I5).
    return { kind: "failed", code: "store_failed", retryInMs: STORE_RETRY_MS };
  }
  if (engine.closing.aborted) return CLOSING;
  // A key that is missing here may be there in another process: this one keeps its hands off the lease (SEC-60).
  if (openTokens(engine, ask.seen) === undefined) return UNSEAL_FAILED;
  const attemptId = engine.newId();
  const taken = await takeLease(engine, ask, attemptId);
  if ("kind" in taken) return taken;
  return underLease(engine, ask, attemptId, taken);
}

async function underLease(
  engine: Engine,
  { seen, door, target }: RefreshAsk,
  attemptId: string,
  { grant, lease, previousIntent, storeNowMs }: Acquired,
): Promise<FlightResult> {
  const found = previousIntent?.parentVersion === grant.version ? previousIntent : null;
  const unresolved = asOfNow(found, storeNowMs, refreshDeadlineMsOf(engine, grant));
  if (unresolved !== null) {
    engine.emit({ type: "lease_taken_over", ...about(engine, grant), attemptId, found: unresolved.outcome });
  }
  const giveUp = async (result: FlightResult): Promise<FlightResult> => {
    await giveBack(engine, grant, lease, { intent: unresolved });
    return result;
  };
  const wanted = recordFor(grant, () => openTokens(engine, grant), target);
  const decision = decide(wanted, engine.clock.nowMs(), engine.timing);
  if (decision.kind === "ended") return giveUp({ kind: "ended", reason: decision.reason });
  if (grant.version !== seen.version && decision.kind === "fresh") {
    return giveUp(adopted(engine, grant, door));
  }
  const paused = reasonToWait(engine, grant, unresolved, storeNowMs);
  if (paused !== undefined) {
    const { code, retryInMs } = paused;
    engine.emit({ type: "refresh_deferred", ...about(engine, grant), attemptId, code, retryInMs });
    return giveUp(paused);
  }
  const tokenSet = openTokens(engine, grant);
  if (tokenSet === undefined) return giveUp(UNSEAL_FAILED);
  if (engine.closing.aborted) return giveUp(CLOSING);
  const sinceFirstSendMs = unresolved === null ? 0 : Math.max(0, storeNowMs - unresolved.startedAtMs);
  const holding: Holding = { lease, grant, attemptId, request: 1, target, unresolved, sinceFirstSendMs };
  engine.sending.set(attemptId, holding);
  try {
    const sent = await sendWithinWindow(engine, holding, { tokenSet, target, door });
    if ("gone" in sent) return sent.gone;
    return await settleOutcome(engine, sent.holding, sent.outcome, { door, target });
  } finally {
    engine.sending.delete(attemptId);
  }
}

/**
 * Why the authorization server has to be left alone for now, as the failure that an attempt would end with: the pause
 * after the last failure, or an earlier refresh of unknown outcome, whose tokens may be in the memory of a process to
 * which the store has only just come back. `undefined`: it may be asked.
 *
 * @param intent What an earlier attempt left behind; not the intent of one that is under way.
 */
export function reasonToWait(
  engine: Engine,
  grant: GrantRecord,
  intent: Intent | null,
  storeNowMs: number,
): Extract<FlightResult, { kind: "failed" }> | undefined {
  const pauseMs = pauseLeftMs(grant, storeNowMs);
  if (pauseMs > 0) return { kind: "failed", code: grant.backoff?.code ?? "paused", retryInMs: pauseMs };
  const nowMs = engine.clock.nowMs();
  const decision = decide(grant, nowMs, engine.timing);
  const policy = engine.rotationOf(grant);
  const reading = readIntent(intent, grant, decision, storeNowMs, policy);
  if (reading.action === "send") {
    const waitMs = mayBeReplay(intent, grant, storeNowMs, policy) ? recoveryLeftMs(engine) : 0;
    return waitMs > 0 ? { kind: "failed", code: "unresolved_refresh", retryInMs: waitMs } : undefined;
  }
  const tooShortAtMs =
    (grant.accessTokenExpiresAtMs ?? Number.POSITIVE_INFINITY) -
    (timingOfGrant(grant, engine.timing)?.minValidityMs ?? 0);
  const retryInMs = reading.action === "wait" ? reading.untilMs - storeNowMs : tooShortAtMs - nowMs;
  return { kind: "failed", code: "unresolved_refresh", retryInMs: Math.max(1, retryInMs) };
}

/**
 * How much longer the last failure keeps everybody away from the authorization server, in milliseconds. A pause that
 * seems longer than any was imposed before the store's clock was set back, and is over (I17).
 */
export function pauseLeftMs(grant: GrantRecord, storeNowMs: number): number {
  const leftMs = grant.backoff === null ? 0 : grant.backoff.untilMs - storeNowMs;
  return leftMs > LONGEST_PAUSE_MS ? 0 : Math.max(0, leftMs);
}

/** Tells that another attempt's result is taken over. */
export function adopted(engine: Engine, grant: GrantRecord, door: string): FlightResult {
  engine.emit({ type: "refresh_adopted", ...about(engine, grant), version: grant.version, door });
  return { kind: "adopted", grant };
}
