/**
 * What a reader of a grant should get, decided from the record and the clock alone.
 *
 * @module
 */
import type { ReauthenticationReason } from "./errors.ts";
import type { GrantRecord } from "./grant.ts";
import { timingOf, type Timing, type TimingOptions } from "./lead-time.ts";

/**
 * The state of a grant's access token for one reader.
 *
 * - `fresh`: hand it out.
 * - `due`: hand it out now, refresh in the background.
 * - `too_short`: it has less life than the reader needs; wait for a refresh.
 * - `expired`: as `too_short`, and the token in hand is worth nothing.
 * - `ended`: only a new sign-in helps.
 */
export type Decision =
  | { readonly kind: "fresh" | "due" | "too_short" | "expired" }
  | { readonly kind: "ended"; readonly reason: ReauthenticationReason };

/** The thresholds of a grant's current access token; `undefined` where it has no known end. */
export function timingOfGrant(grant: GrantRecord, options: TimingOptions): Timing | undefined {
  if (grant.accessTokenExpiresAtMs === null) return undefined;
  return timingOf(Math.max(grant.accessTokenExpiresAtMs - grant.accessTokenIssuedAtMs, 1), options);
}

/**
 * Decides for one reader at one moment.
 *
 * @param minValidityMs The life that this reader needs, in milliseconds. Default: as {@link TimingOptions.minValidityMs}.
 */
export function decide(
  grant: GrantRecord,
  nowMs: number,
  options: TimingOptions,
  minValidityMs?: number,
): Decision {
  if (grant.state === "ended") return { kind: "ended", reason: grant.endReason ?? "rejected" };
  if (nowMs >= grant.absoluteEndMs || nowMs >= grant.slidingEndMs)
    return { kind: "ended", reason: "expired" };
  const timing = timingOfGrant(grant, options);
  if (timing === undefined || grant.accessTokenExpiresAtMs === null) return { kind: "fresh" };
  const remainingMs = grant.accessTokenExpiresAtMs - nowMs;
  if (!isRefreshable(grant, nowMs)) {
    return remainingMs > 0 && remainingMs >= (minValidityMs ?? 0)
      ? { kind: "fresh" }
      : { kind: "ended", reason: "no_refresh_token" };
  }
  if (remainingMs <= 0) return { kind: "expired" };
  if (remainingMs < (minValidityMs ?? timing.minValidityMs)) return { kind: "too_short" };
  return { kind: remainingMs <= timing.leadTimeMs ? "due" : "fresh" };
}

/** Whether a refresh can still bring a new token: there is a refresh token and its known end has not passed (F28). */
export function isRefreshable(grant: GrantRecord, nowMs: number): boolean {
  return (
    grant.refreshable && (grant.refreshTokenExpiresAtMs === null || nowMs < grant.refreshTokenExpiresAtMs)
  );
}
