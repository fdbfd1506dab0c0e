/**
 * I12: after a request whose outcome nobody knows the same refresh token is sent again only after that attempt's deadline
 * and when the access token in hand is nearly over (S6), or within the window in which the server gives it another
 * chance (S1), which goes for a spent one that is kept, too; and after an answer that does not say, only after a pause. How often is bounded per minute by I10.
 *
 * @module
 */
import type { RotationPolicy } from "../../src/core/rotation.ts";
import type { Checker, Probe } from "../checker.ts";
import type { SendRecord, SimRecord } from "../history.ts";
import { currentRefreshToken, Ledger, spentTokens } from "./stored-tokens.ts";

interface Attempt {
  readonly send: SendRecord;
  /** By the store's clock; `undefined` where no lease was written for it. */
  readonly deadlineAtMs: number | undefined;
  outcome: "none" | "silent" | "answered" | "harmless" | "refused";
  outcomeAtMs: number;
}

/** Less than any pause of the engine, and than any early timer. */
const MIN_PAUSE_MS = 180;
const MAX_MIN_VALIDITY_MS = 10_000;
const CLOCK_SLACK_MS = 50;

/** Follows each refresh token from request to request. */
export function unknownIsNotFailed(probe: Probe): Checker {
  const ledger = new Ledger();
  const attempts = new Map<string, Attempt[]>();
  const deadlines = new Map<string, number>();
  const versions = new Map<string, number>();
  const decidedAtMs = new Map<string, number>();
  /** When each process began to stand still last. */
  const stoodStillAtMs = new Map<string, number>();
  /** When each refresh token was first sent. */
  const firstUses = new Map<string, SendRecord>();
  let storeClockJumped = false;

  /** Whether the token in hand is nearly over by the sender's clock. */
  const isNearlyOver = ({ grant, processNowMs }: SendRecord): boolean => {
    const row = ledger.rows.get(grant);
    if (row?.accessTokenExpiresAtMs == null) return false;
    const lifetimeMs = row.accessTokenExpiresAtMs - row.accessTokenIssuedAtMs;
    const minValidityMs = Math.min(MAX_MIN_VALIDITY_MS, lifetimeMs / 10);
    return row.accessTokenExpiresAtMs - processNowMs <= minValidityMs + CLOCK_SLACK_MS;
  };

  /** When a request was handed over, as its sender knows it: before it left, if the process stood still in between (X11). */
  const handedOverAtMs = ({ process, attemptId, atMs }: SendRecord): number => {
    const decided = decidedAtMs.get(attemptId) ?? atMs;
    return (stoodStillAtMs.get(process) ?? -Infinity) >= decided ? decided : atMs;
  };

  /** One that is kept beside the stored one because two requests may have spent it: within its window only. */
  const seeKept = (send: SendRecord): string | undefined => {
    const row = ledger.rows.get(send.grant);
    const first = firstUses.get(`${send.grant}|${send.refreshToken}`);
    if (row === undefined || first === undefined || !spentTokens(probe, row).includes(send.refreshToken))
      return undefined;
    // Whoever kept it died before its pair was stored: it is the stored one still.
    if (currentRefreshToken(probe, row) === send.refreshToken) return undefined;
    // What was decided upon for an older row, and leaves late (X11), could not know that its refresh token was spent.
    if (versions.get(send.attemptId) !== row.version) return undefined;
    if (storeClockJumped || ledger.tampered.has(send.grant)) return undefined;
    if (mayResend(send.policy, handedOverAtMs(send), first)) return undefined;
    return `${send.process} sends ${send.refreshToken}, which is spent, ${send.atMs - first.atMs} ms after its first use`;
  };

  const seeSend = (send: SendRecord): string | undefined => {
    const kept = seeKept(send);
    const use = `${send.grant}|${send.refreshToken}`;
    if (!firstUses.has(use)) firstUses.set(use, send);
    if (kept !== undefined) return kept;
    // Of the version that it was decided upon for: what leaves a process late may find a newer one.
    const version = versions.get(send.attemptId) ?? 0;
    const key = `${send.grant}|${version}|${send.refreshToken}`;
    const earlier = attempts.get(key) ?? [];
    const deadlineAtMs = deadlines.get(send.attemptId);
    attempts.set(key, [...earlier, { send, deadlineAtMs, outcome: "none", outcomeAtMs: send.atMs }]);
    const row = ledger.rows.get(send.grant);
    const current = row === undefined || currentRefreshToken(probe, row) === send.refreshToken;
    if (!current || storeClockJumped || ledger.tampered.has(send.grant)) return undefined;
    // A refusal that the server is sure of opens no window.
    const first = earlier.find(({ outcome }) => outcome !== "harmless" && outcome !== "refused");
    // What was decided upon before another one left, and leaves late (X11), could not know of it: I1 and S6 are for that.
    const known = earlier.filter((one) => one.send.atMs <= (decidedAtMs.get(send.attemptId) ?? send.atMs));
    for (const attempt of known) {
      const isSecondChance = mayResend(send.policy, handedOverAtMs(send), first?.send);
      const problem = problemOf(attempt, send, isSecondChance, isNearlyOver(send));
      if (problem !== undefined) return `${send.process} sends ${send.refreshToken} again ${problem}`;
    }
    return undefined;
  };

  const note = (record: SimRecord): void => {
    ledger.see(record);
    if (record.kind === "fault" && record.id === "X21") storeClockJumped = true;
    if (record.kind === "process" && record.what === "pause") stoodStillAtMs.set(record.process, record.atMs);
    if (record.kind === "store" && record.operation === "acquireLease" && record.answer === "acquired") {
      const { after, attemptId = "" } = record;
      if (after?.intent != null) deadlines.set(attemptId, after.intent.deadlineAtMs);
    }
    if (record.kind === "event" && record.event.type === "refresh_started") {
      versions.set(record.event.attemptId, record.event.version);
      decidedAtMs.set(record.event.attemptId, record.atMs);
    }
    if (record.kind !== "answer") return;
    for (const list of attempts.values()) {
      const attempt = list.findLast(({ send }) => send.attemptId === record.attemptId);
      if (attempt === undefined) continue;
      attempt.outcomeAtMs = record.atMs;
      attempt.outcome =
        record.outcome === "unknown"
          ? record.answered === true
            ? "answered"
            : "silent"
          : record.outcome === "committed_bad"
            ? "answered"
            : record.outcome === "rejected"
              ? "refused"
              : "harmless";
    }
  };

  return {
    name: "I12 unknown is not failed",
    see(record) {
      note(record);
      return record.kind === "send" ? seeSend(record) : undefined;
    },
  };
}

function problemOf(
  attempt: Attempt,
  send: SendRecord,
  isSecondChance: boolean,
  nearlyOver: boolean,
): string | undefined {
  const sinceMs = send.atMs - attempt.outcomeAtMs;
  if (attempt.outcome === "harmless" || attempt.outcome === "refused") return undefined;
  if (attempt.outcome === "answered")
    return sinceMs < MIN_PAUSE_MS ? `${sinceMs} ms after an answer that does not say` : undefined;
  if (isSecondChance) return undefined;
  const { deadlineAtMs } = attempt;
  if (deadlineAtMs !== undefined && send.storeNowMs < deadlineAtMs - CLOCK_SLACK_MS)
    return `${deadlineAtMs - send.storeNowMs} ms before the deadline of ${attempt.send.attemptId}`;
  return nearlyOver
    ? undefined
    : `although the access token in hand is good, and ${attempt.send.attemptId} is open`;
}

/** Whether the server gives the refresh token another chance, as far as a sender could know that handed it over then. */
function mayResend(policy: RotationPolicy, handedOverAtMs: number, first: SendRecord | undefined): boolean {
  if (policy.class === "none" || policy.class === "overlapping") return true;
  if (policy.class === "strict" || first === undefined) return false;
  return handedOverAtMs - first.atMs <= policy.graceMs;
}
