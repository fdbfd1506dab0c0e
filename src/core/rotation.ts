/**
 * What an authorization server does with a refresh token that was used before, and so what may be done about a refresh
 * whose answer got lost. The class is the operator's knowledge; the safe default is `strict`.
 *
 * @module
 */

/**
 * The answer to the old refresh token after a rotation.
 *
 * - `none`: refresh tokens are not rotated (P0).
 * - `overlapping`: the old one stays valid (P1).
 * - `idempotent`: the old one brings the same successor again (P2).
 * - `grace`: within the window the old one brings another valid pair (P3).
 * - `last_wins`: within the window it brings another pair, and only the newest pair stays valid (P4).
 * - `strict`: it is refused, and may end the whole grant as theft (P5, P6, P7).
 */
export type RotationClass = "none" | "overlapping" | "idempotent" | "grace" | "last_wins" | "strict";

/** How one authorization server rotates. */
export interface RotationPolicy {
  readonly class: RotationClass;
  /**
   * How long after the first use the old refresh token still helps, in milliseconds. Counts for `idempotent`, `grace`
   * and `last_wins`; where an `idempotent` server knows no such limit, `Infinity`.
   */
  readonly graceMs: number;
  /** A refresh kills the access tokens that were issued before it, those for other targets too. @defaultValue false */
  readonly accessTokensDie?: boolean;
}

/** What is assumed of a server of which nothing is known: a second use is theft. */
export const STRICT_ROTATION: RotationPolicy = { class: "strict", graceMs: 0 };

/** Room for clocks and one round trip before a window ends, in milliseconds: this, or a quarter of a shorter window. */
const MAX_MARGIN_MS = 1_000;

/** How long after its first send a refresh token may be sent again without harm, in milliseconds (S1). */
export function resendWindowMs({ class: rotation, graceMs }: RotationPolicy): number {
  if (rotation === "strict") return 0;
  if (rotation === "none" || rotation === "overlapping") return Number.POSITIVE_INFINITY;
  return Math.max(0, graceMs - Math.min(MAX_MARGIN_MS, graceMs / 4));
}

/** What a slow but honest answer may take, in milliseconds: cut shorter, requests that win would be given up. */
const MIN_DEADLINE_MS = 5_000;

/**
 * The longest that one request may take so that its holder can send again within the window, in milliseconds; `Infinity`
 * where there is no such limit. In a window too short for two requests only one whose connection broke is sent again.
 */
export function longestDeadlineMs(policy: RotationPolicy): number {
  const windowMs = resendWindowMs(policy);
  return windowMs > 0 ? Math.max(MIN_DEADLINE_MS, windowMs / 2) : Number.POSITIVE_INFINITY;
}

/**
 * The longest pause after which the next request still falls well within the window, in milliseconds; `undefined` where
 * there is no window, or no end of it. A long row of failures before must not use up the second chance (I21).
 */
export function longestPauseMs(policy: RotationPolicy): number | undefined {
  const windowMs = resendWindowMs(policy);
  return windowMs > 0 && Number.isFinite(windowMs) ? windowMs / 4 : undefined;
}
