/**
 * When a token is due, when an idle tab asks for it, and when it is too short to hand out.
 *
 * @module
 */
import { InvalidOptionError } from "./errors.ts";

/** The options that move the thresholds. Each has a default that follows from the token's own lifetime. */
export interface TimingOptions {
  /**
   * How long before expiry a token counts as due for refresh, in milliseconds. 0 or more; cut to half of the
   * token's lifetime where that is less, so that a token is never due at birth.
   * @defaultValue 600_000, or a third of the lifetime where that is less (half, below 60 s)
   */
  readonly leadTimeMs?: number;
  /**
   * How long before expiry an idle tab asks, in milliseconds. 0 or more, at most the lead time.
   * @defaultValue 0.7 times the lead time
   */
  readonly idleLeadTimeMs?: number;
  /**
   * A caller is not handed a token with less life than this, in milliseconds: it waits for the refresh.
   * @defaultValue 10_000, or a tenth of the lifetime where that is less
   */
  readonly minValidityMs?: number;
}

/** The thresholds of one token, in milliseconds before its expiry. */
export interface Timing {
  readonly leadTimeMs: number;
  readonly idleLeadTimeMs: number;
  readonly minValidityMs: number;
}

const MAX_LEAD_TIME_MS = 600_000;
const SHORT_LIFETIME_MS = 60_000;
/** NextAuth tells the first token's expiry in whole seconds and after the exchange: a token of 60 s looks like one of 58. */
const MEASURING_LOSS_MS = 3_000;
const MAX_MIN_VALIDITY_MS = 10_000;
const IDLE_SHARE = 0.7;

/** The thresholds for a token that lives `lifetimeMs` milliseconds in all. */
export function timingOf(lifetimeMs: number, options: TimingOptions): Timing {
  const share = lifetimeMs + MEASURING_LOSS_MS < SHORT_LIFETIME_MS ? 2 : 3;
  const leadTimeMs = Math.min(
    options.leadTimeMs ?? Math.min(MAX_LEAD_TIME_MS, lifetimeMs / share),
    lifetimeMs / 2,
  );
  const idleLeadTimeMs = Math.min(options.idleLeadTimeMs ?? IDLE_SHARE * leadTimeMs, leadTimeMs);
  const minValidityMs = Math.min(
    options.minValidityMs ?? Math.min(MAX_MIN_VALIDITY_MS, lifetimeMs / 10),
    lifetimeMs / 2,
  );
  return { leadTimeMs, idleLeadTimeMs, minValidityMs };
}

/**
 * Checks the options once, when they are given.
 *
 * @throws {@link InvalidOptionError} naming the option, what was given and the fix.
 */
export function checkTimingOptions(options: TimingOptions): void {
  for (const name of ["leadTimeMs", "idleLeadTimeMs", "minValidityMs"] as const) {
    checkDuration(name, options[name], 0);
  }
  const { leadTimeMs, idleLeadTimeMs, minValidityMs } = options;
  if (leadTimeMs === undefined) return;
  if (idleLeadTimeMs !== undefined && idleLeadTimeMs > leadTimeMs) {
    throw new InvalidOptionError(
      "idleLeadTimeMs",
      `must be at most "leadTimeMs" (${leadTimeMs}), or an idle tab asks before the token is due; got ${idleLeadTimeMs}`,
    );
  }
  if (minValidityMs !== undefined && minValidityMs > leadTimeMs) {
    throw new InvalidOptionError(
      "minValidityMs",
      `must be at most "leadTimeMs" (${leadTimeMs}), or every caller waits for a refresh that nobody started early; got ${minValidityMs}`,
    );
  }
}

/**
 * Checks one duration option in milliseconds.
 *
 * @throws {@link InvalidOptionError} unless it is `undefined` or a finite number of at least `minMs`.
 */
export function checkDuration(option: string, valueMs: unknown, minMs: number): void {
  if (valueMs === undefined) return;
  if (typeof valueMs !== "number" || !Number.isFinite(valueMs) || valueMs < minMs) {
    throw new InvalidOptionError(
      option,
      `must be a number of milliseconds, ${minMs} or more; got ${typeof valueMs === "number" ? valueMs : typeof valueMs}`,
    );
  }
}
