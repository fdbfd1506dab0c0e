/**
 * When a lease stands. One rule for every store that keeps time itself.
 *
 * @module
 */
import type { GrantRecord, Lease } from "../core/grant.ts";

/**
 * The longest lease, in milliseconds: 5 minutes. A longer one is cut to it. A lease that seems to last longer than
 * this from now was taken before the clock was set back, and no longer stands: so a clock that jumps can hold up a
 * refresh for this long, not for the size of the jump (I17).
 */
export const MAX_LEASE_MS = 300_000;

/** The length of a lease that was asked for, within the bound. */
export function leaseDurationMs(askedMs: number): number {
  return Math.min(askedMs, MAX_LEASE_MS);
}

/** Whether a lease keeps others out at this moment of the store's clock. */
export function isStanding(lease: Lease | null, storeNowMs: number): boolean {
  return lease !== null && lease.untilMs > storeNowMs && lease.untilMs <= storeNowMs + MAX_LEASE_MS;
}

/**
 * When a new intent counts as started: now, or when the one of the same version did that it replaces. The server's window
 * for a second use of the refresh token opened with the first. Never in the future, where the clock was set back.
 */
export function intentStartMs({ intent, version }: GrantRecord, storeNowMs: number): number {
  return intent?.parentVersion === version ? Math.min(intent.startedAtMs, storeNowMs) : storeNowMs;
}
