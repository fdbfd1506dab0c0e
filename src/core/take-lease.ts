/**
 * The lease of a grant: taken for an attempt, taken once more before each further request of it, and given back.
 *
 * @module
 */
import { refreshDeadlineMsOf, type Engine } from "./engine.ts";
import type { GrantRecord, Intent, Lease } from "./grant.ts";
import type { LeaseAnswer, LeaseNote } from "./grant-store.ts";
import { asOfNow, mayStillWin, QUIET_TIME_MS } from "./intent.ts";
import { adopted, type FlightResult, type Holding, type RefreshAsk } from "./refresh-attempt.ts";
import { noteReading } from "./single-flight.ts";
import { withTimeLimit, type TimeLimit } from "./time-limit.ts";

/** The lease was taken. */
export type Acquired = Extract<LeaseAnswer, { status: "acquired" }>;

/** How long to leave a store alone that has just failed, in milliseconds. */
export const STORE_RETRY_MS = 1_000;

const POLL_MS = 100;
/** How often one write of the lease is tried: its acknowledgement may have got lost, and a repetition does no harm (X26). */
const TRIES = 3;

/** What an attempt ends with once the engine is closing. */
export const CLOSING: FlightResult = { kind: "failed", code: "closing", retryInMs: STORE_RETRY_MS };

/** Takes the lease, or waits with jitter until its holder is done and adopts what it stored. */
export function takeLease(
  engine: Engine,
  ask: RefreshAsk,
  attemptId: string,
): Promise<Acquired | FlightResult> {
  const longestMs = refreshDeadlineMsOf(engine, ask.seen) + engine.limits.leaseMs;
  return withTimeLimit(engine.clock, longestMs, (limit) => takeLeaseWithin(engine, ask, attemptId, limit));
}

async function takeLeaseWithin(
  engine: Engine,
  { seen, door }: RefreshAsk,
  attemptId: string,
  limit: TimeLimit,
): Promise<Acquired | FlightResult> {
  const { clock } = engine;
  /** `undefined`: not known, because no acknowledgement has come yet. */
  let found: Intent | null | undefined;
  let failures = 0;
  do {
    let answer: LeaseAnswer;
    let isInTime: boolean;
    try {
      ({ answer, isInTime } = await acquire(engine, seen, attemptId));
    } catch (error) {
      if (++failures === TRIES) throw error;
      await pause(engine);
      continue;
    }
    if (answer.status === "absent") return { kind: "ended", reason: "missing" };
    noteReading(engine.shared, answer, clock.nowMs());
    if (answer.status === "ended") return { kind: "ended", reason: answer.grant.endReason ?? "revoked" };
    if (answer.status === "acquired") {
      const { previousIntent } = answer;
      if (previousIntent?.attemptId !== attemptId) found = previousIntent;
      else if (found === undefined) found = replacedUnseen(previousIntent, seen);
      if (isInTime) return { ...answer, previousIntent: found };
      continue;
    }
    if (answer.grant.version !== seen.version) return adopted(engine, answer.grant, door);
    const result = await waitForHolder(engine, seen, door, limit);
    if (result !== "free") return result;
  } while (!limit.isOver());
  return { kind: "failed", code: "lease_held", retryInMs: STORE_RETRY_MS };
}

/**
 * Asks for the lease, and says whether the answer came in time: a process that stood still since it asked may have lost
 * the lease already, and sending now could be a replay (X11).
 */
async function acquire(
  engine: Engine,
  grant: GrantRecord,
  attemptId: string,
): Promise<{ readonly answer: LeaseAnswer; readonly isInTime: boolean }> {
  const { clock, limits, store, holder } = engine;
  const askedAtMs = clock.nowMs();
  const answer = await store.acquireLease(grant.id, {
    holder,
    attemptId,
    durationMs: limits.leaseMs,
    deadlineMs: refreshDeadlineMsOf(engine, grant),
  });
  const tookMs = clock.nowMs() - askedAtMs;
  return { answer, isInTime: tookMs >= 0 && tookMs < limits.leaseMs };
}

/**
 * What the attempt's own intent replaced, where the acknowledgement that told it got lost (X26): what the row had when it
 * was read, if nobody has taken the lease since; an intent of the same version keeps its start. Otherwise it counts as one
 * that may still win.
 */
function replacedUnseen(own: Intent, seen: GrantRecord): Intent | null {
  if (own.fence !== seen.fence + 1) return own;
  const kept =
    seen.intent?.parentVersion === own.parentVersion && seen.intent.startedAtMs === own.startedAtMs;
  return kept ? seen.intent : null;
}

/** Polls until the other holder's lease is gone (`free`), or there is something to adopt. */
async function waitForHolder(
  engine: Engine,
  seen: GrantRecord,
  door: string,
  limit: TimeLimit,
): Promise<FlightResult | "free"> {
  for (;;) {
    await pause(engine);
    const reading = await engine.store.read(seen.id);
    if (reading === undefined) return { kind: "ended", reason: "missing" };
    noteReading(engine.shared, reading, engine.clock.nowMs());
    const { grant, storeNowMs } = reading;
    if (grant.state === "ended") return { kind: "ended", reason: grant.endReason ?? "revoked" };
    if (grant.version !== seen.version) return adopted(engine, grant, door);
    if (grant.lease === null || grant.lease.untilMs <= storeNowMs) return "free";
    if (limit.isOver()) return { kind: "failed", code: "lease_held", retryInMs: STORE_RETRY_MS };
  }
}

function pause({ clock, random }: Engine): Promise<void> {
  return clock.sleep(POLL_MS * (0.5 + random()));
}

/** The lease once more, with the row as it is now; or what the attempt ends with because it has gone. */
export type Retaken =
  { readonly holding: Holding; readonly storeNowMs: number } | { readonly gone: FlightResult };

/**
 * Takes the lease once more, under the same attempt: before a further request, so that the row says until when its answer
 * may come, and before a grant is ended. What somebody else did meanwhile shows by it, also where a failover took the
 * lease back (X13): their request may be the winner, and nothing is sent or ended before it must have told (I6).
 *
 * @param triesLeft How often it is taken at most until the answer comes in time.
 *
 * Rejects with `StoreFailedError`.
 */
export async function retakeLease(
  engine: Engine,
  holding: Holding,
  door: string,
  triesLeft: number = TRIES,
): Promise<Retaken> {
  const isClosing = (): boolean => engine.closing.aborted;
  if (isClosing()) return { gone: CLOSING };
  const { grant, attemptId } = holding;
  const { answer, isInTime } = await acquire(engine, grant, attemptId);
  if (answer.status === "absent") return { gone: { kind: "ended", reason: "missing" } };
  noteReading(engine.shared, answer, engine.clock.nowMs());
  if (answer.status === "ended")
    return { gone: { kind: "ended", reason: answer.grant.endReason ?? "revoked" } };
  const moved = answer.grant.version !== grant.version;
  const held: FlightResult = { kind: "failed", code: "lease_held", retryInMs: STORE_RETRY_MS };
  if (answer.status === "held") return { gone: moved ? adopted(engine, answer.grant, door) : held };
  const { lease, previousIntent, storeNowMs } = answer;
  const giveUp = async (result: FlightResult, note: LeaseNote): Promise<Retaken> => {
    await giveBack(engine, grant, lease, note);
    return { gone: result };
  };
  const asRead = (intent: Intent | null): Intent | null =>
    asOfNow(intent, storeNowMs, refreshDeadlineMsOf(engine, answer.grant));
  const isOther =
    previousIntent?.parentVersion === answer.grant.version && previousIntent.attemptId !== attemptId;
  const other = isOther ? asRead(previousIntent) : null;
  if (moved) return giveUp(adopted(engine, answer.grant, door), { intent: other });
  if (other !== null && mayStillWin(other, storeNowMs)) {
    const waitMs = other.deadlineAtMs + QUIET_TIME_MS - storeNowMs;
    const backoff = { failures: (grant.backoff?.failures ?? 0) + 1, waitMs, code: "unresolved_refresh" };
    return giveUp(
      { kind: "failed", code: "unresolved_refresh", retryInMs: waitMs },
      { intent: other, backoff },
    );
  }
  const retaken = { ...holding, lease, grant: answer.grant, unresolved: asRead(holding.unresolved) ?? other };
  if (isClosing())
    return giveUp(CLOSING, { intent: previousIntent && { ...previousIntent, outcome: "unknown" } });
  if (engine.sending.has(attemptId)) engine.sending.set(attemptId, retaken);
  if (isInTime) return { holding: retaken, storeNowMs };
  if (triesLeft === 1) return giveUp(held, { intent: retaken.unresolved });
  return retakeLease(engine, retaken, door, triesLeft - 1);
}

/**
 * Gives a lease back, and tries again if the store fails: nobody else can refresh before it is back, and a release that
 * was applied already changes nothing. Rejects with `StoreFailedError` after three tries.
 *
 * @returns Whether it was still this holder's.
 */
export async function giveBack(
  engine: Engine,
  { id }: GrantRecord,
  lease: Lease,
  note: LeaseNote,
): Promise<boolean> {
  for (let tried = 1; ; tried++) {
    try {
      return await engine.store.releaseLease(id, lease, note);
    } catch (error) {
      if (tried === TRIES) throw error;
      await pause(engine);
    }
  }
}
