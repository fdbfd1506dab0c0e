/**
 * How long to leave an authorization server alone after a refresh that brought nothing (F33, I10).
 *
 * @module
 */
import type { RefreshOutcomeKind } from "./refresher.ts";

/** The first pause, by class of outcome, in milliseconds. It doubles with each failure in a row. */
const FIRST_PAUSE_MS: Readonly<Record<Exclude<RefreshOutcomeKind, "committed" | "rejected">, number>> = {
  not_sent: 500,
  unknown: 1_000,
  not_committed: 2_000,
  committed_bad: 5_000,
  config: 30_000,
};

/** The longest pause that nolapse chooses by itself: 30 s (5 min after a refused configuration). */
export const MAX_PAUSE_MS = 30_000;
const MAX_CONFIG_PAUSE_MS = 300_000;
/** The longest `Retry-After` that is believed: 10 minutes. */
export const MAX_RETRY_AFTER_MS = 600_000;
const MAX_RETRY_AFTER_JITTER = 0.1;
/** The longest pause that {@link pauseAfterMs} ever gives, in milliseconds. */
export const LONGEST_PAUSE_MS: number = MAX_RETRY_AFTER_MS * (1 + MAX_RETRY_AFTER_JITTER);

/**
 * The pause after a failure, in milliseconds: exponential with jitter between a half and the whole, at least what the
 * server asked for.
 *
 * @param failures Failures in a row, this one included: 1 or more.
 * @param random A number in [0, 1).
 * @param mostMs The longest pause if the server does not ask for a longer one, in milliseconds.
 */
export function pauseAfterMs(
  kind: Exclude<RefreshOutcomeKind, "committed" | "rejected">,
  failures: number,
  random: number,
  retryAfterMs?: number,
  mostMs: number = Number.POSITIVE_INFINITY,
): number {
  const maxMs = Math.min(kind === "config" ? MAX_CONFIG_PAUSE_MS : MAX_PAUSE_MS, mostMs);
  const fullMs = Math.min(FIRST_PAUSE_MS[kind] * 2 ** Math.min(failures - 1, 20), maxMs);
  const jitteredMs = fullMs * (0.5 + random / 2);
  const askedMs = Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
  return Math.round(Math.max(jitteredMs, askedMs * (1 + random * MAX_RETRY_AFTER_JITTER)));
}
