/**
 * The refresh token that two requests may have spent, kept for the case that the wrong one of them was stored.
 *
 * Where only the newest pair of a server stays valid (`last_wins`, P4), the pair that is stored need not be the one that
 * lives: another holder's request may have come to the server later, and that process may have died with the answer.
 * The refresh token that both spent still brings a pair then, as long as the server's window is open. So it is kept as a
 * candidate whose name says from when on it can be found out, and until when it helps, by the store's clock: before the
 * pair is stored, because whoever stores it may die right after that.
 *
 * @module
 */
import type { Candidate, GrantRecord } from "./grant.ts";
import { mayStillWin, QUIET_TIME_MS } from "./intent.ts";
import { resendWindowMs, type RotationPolicy } from "./rotation.ts";
import { sendNameOf, type SentRequest } from "./single-flight.ts";

/** From when until when a spent refresh token is of use, in epoch milliseconds by the store's clock. */
export interface Usefulness {
  /** No other request can come to the server any more. */
  readonly fromMs: number;
  /** The server's window is over. */
  readonly untilMs: number;
}

const NAME = /\.parent\.(\d+)\.(\d+)$/;

/** How the spent refresh token is named among the candidates. */
export function spentNameOf(sent: SentRequest, { fromMs, untilMs }: Usefulness): string {
  return `${sendNameOf(sent)}.parent.${Math.ceil(fromMs)}.${Math.floor(untilMs)}`;
}

/** When a candidate is of use that is not a fresh refresh token but a spent one; `undefined` for a fresh one. */
export function usefulnessOf({ attemptId }: Pick<Candidate, "attemptId">): Usefulness | undefined {
  const [, from, until] = NAME.exec(attemptId) ?? [];
  return until === undefined ? undefined : { fromMs: Number(from), untilMs: Number(until) };
}

/**
 * Whether, and when, it may turn out that the pair which has just been stored is not the one that lives: somebody took
 * the lease after its request, or an earlier holder's request may still come to the server.
 *
 * @param parent The row that was spent, as its holder had it.
 * @param stored The row with the new pair in it, or right before.
 */
export function doubtAbout(
  parent: GrantRecord,
  stored: GrantRecord,
  { lease, unresolved, candidate }: SentRequest,
  policy: RotationPolicy,
  storeNowMs: number,
): Usefulness | undefined {
  if (policy.class !== "last_wins") return undefined;
  const isEarlierOut = unresolved !== null && mayStillWin(unresolved, storeNowMs);
  if (!isEarlierOut && stored.fence <= lease.fence) return undefined;
  const firstUseMs = unresolved?.startedAtMs ?? parent.intent?.startedAtMs ?? storeNowMs;
  const untilMs = Math.min(firstUseMs + resendWindowMs(policy), candidate?.untilMs ?? Infinity);
  const fromMs = isEarlierOut ? unresolved.deadlineAtMs + QUIET_TIME_MS : storeNowMs;
  return fromMs < untilMs ? { fromMs, untilMs } : undefined;
}

/** Whether it is still to be found out, and can be: by a refresh with the pair that was stored. */
export function isInDoubt(grant: GrantRecord, storeNowMs: number): boolean {
  return grant.candidates.some((one) => {
    const useful = usefulnessOf(one);
    if (useful === undefined || one.version !== grant.version) return false;
    return useful.fromMs <= storeNowMs && storeNowMs < useful.untilMs;
  });
}
