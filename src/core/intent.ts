/**
 * What an intent that somebody left behind means for the next holder of the lease.
 *
 * A strict authorization server takes a second use of a refresh token for theft (classes P5, P6). An attempt whose
 * answer is still out may be a slow winner, so its refresh token is left alone until its deadline has passed, and
 * then for as long as the access token in hand is good (S6). An attempt that was answered cannot win any more. Where
 * the server gives the refresh token a second chance for a while, it is taken at once, and never later (S1, TL2).
 *
 * @module
 */
import type { Decision } from "./decide.ts";
import type { GrantRecord, Intent } from "./grant.ts";
import { resendWindowMs, type RotationPolicy } from "./rotation.ts";

/** How long after an attempt's deadline its answer is still given room, in milliseconds. */
export const QUIET_TIME_MS = 1_000;

/** Send now, or leave the refresh token alone: until the moment given, by the store's clock, or while the access token lasts. */
export type IntentReading =
  | { readonly action: "send" }
  | { readonly action: "wait"; readonly untilMs: number }
  | { readonly action: "defer" };

/** Reads the intent found under a new lease. */
export function readIntent(
  intent: Intent | null,
  grant: GrantRecord,
  decision: Decision,
  storeNowMs: number,
  policy: RotationPolicy,
): IntentReading {
  if (intent === null || intent.parentVersion !== grant.version || intent.outcome === "answered") {
    return { action: "send" };
  }
  if (isInWindow(intent, storeNowMs, policy)) return { action: "send" };
  if (mayStillWin(intent, storeNowMs))
    return { action: "wait", untilMs: intent.deadlineAtMs + QUIET_TIME_MS };
  return decision.kind === "fresh" || decision.kind === "due" ? { action: "defer" } : { action: "send" };
}

/**
 * Whether a refresh has to be made up for now although the access token is good: its answer got lost, so the refresh
 * token may be spent, and its second chance is over after a while (S1, TL2).
 */
export function needsSecondChance(grant: GrantRecord, storeNowMs: number, policy: RotationPolicy): boolean {
  const { intent, lease, version } = grant;
  if (intent?.parentVersion !== version || resendWindowMs(policy) === Number.POSITIVE_INFINITY) return false;
  const isUnderWay = lease !== null && lease.untilMs > storeNowMs;
  return !isUnderWay && isInWindow(intent, storeNowMs, policy);
}

/** Whether a process may have tokens that came of this attempt, while the server takes the old refresh token for theft. */
export function mayBeReplay(
  intent: Intent | null,
  { version }: GrantRecord,
  storeNowMs: number,
  policy: RotationPolicy,
): boolean {
  if (intent?.parentVersion !== version || intent.outcome === "answered") return false;
  return !isInWindow(intent, storeNowMs, policy);
}

/**
 * Whether the answer to an attempt may still come. An intent from the future was written before the store's clock was
 * set back, and its deadline means nothing (I17).
 */
export function mayStillWin({ outcome, startedAtMs, deadlineAtMs }: Intent, storeNowMs: number): boolean {
  return outcome !== "answered" && startedAtMs <= storeNowMs && storeNowMs < deadlineAtMs + QUIET_TIME_MS;
}

/**
 * The intent that an attempt leaves behind whose answer is not known: open since the first request of this version, whoever
 * sent it, because the server's window opened with that, and until the deadline of the newest. A first request that seems
 * to be later than the newest was sent before the store's clock was set back, nobody knows how long ago: the window
 * counts as over.
 */
export function sinceFirst(newest: Intent, first: Intent | null, outcome: Intent["outcome"]): Intent {
  const firstMs = first?.startedAtMs ?? newest.startedAtMs;
  return { ...newest, startedAtMs: firstMs <= newest.startedAtMs ? firstMs : 0, outcome };
}

function isInWindow({ startedAtMs }: Intent, storeNowMs: number, policy: RotationPolicy): boolean {
  const windowMs = resendWindowMs(policy);
  if (windowMs === Number.POSITIVE_INFINITY) return true;
  return startedAtMs <= storeNowMs && storeNowMs < startedAtMs + windowMs;
}
