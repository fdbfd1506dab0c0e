/**
 * What an intent that somebody left behind means for the next holder of the lease.
 *
 * A strict authorization server takes a second use of a refresh token for theft (classes P5, P6). An attempt whose
 * answer is still out may be a slow winner, so its refresh token is left alone until its deadline has passed, and
 * then for as long as the access token in hand is good (S6). An attempt that was answered cannot win any more.
 *
 * @module
 */
import type { Decision } from "./decide.ts";
import type { GrantRecord, Intent } from "./grant.ts";

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
): IntentReading {
  if (intent === null || intent.parentVersion !== grant.version || intent.outcome === "answered") {
    return { action: "send" };
  }
  const quietAtMs = intent.deadlineAtMs + QUIET_TIME_MS;
  // An intent from the future was written before the store's clock was set back: its deadline means nothing (I17).
  if (intent.startedAtMs <= storeNowMs && storeNowMs < quietAtMs)
    return { action: "wait", untilMs: quietAtMs };
  return decision.kind === "fresh" || decision.kind === "due" ? { action: "defer" } : { action: "send" };
}
