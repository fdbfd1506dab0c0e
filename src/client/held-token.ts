/**
 * A token in the browser's memory: how long it lives on, and whether it serves who asks. Pure.
 *
 * @module
 */
import { elapsedMs, type Reading } from "./environment.ts";
import type { TokenRequest } from "./fetch-token.ts";

/** An access token in the browser. Not to be put into any storage, message, element or log. */
export interface BrowserToken {
  readonly accessToken: string;
  /** Its end in epoch milliseconds by this browser's clock, right or wrong; absent where it is not known. */
  readonly expiresAtMs?: number;
}

/** A token in memory. */
export interface HeldToken {
  readonly token: BrowserToken;
  /** When the request for it was sent, so that its life is never thought longer than it is (F26). */
  readonly since: Reading;
  /** How long it lived then, in milliseconds; `Infinity` where its end is not known. */
  readonly lifeMs: number;
  /** Its end in epoch seconds by the server's clock, where that is known. */
  readonly expires: number | undefined;
  /** Whether it is the answer to a renewal that somebody asked for. */
  readonly isRenewed: boolean;
}

/** What one caller needs. */
export interface TokenAsk extends TokenRequest {
  /** The tokens that the server had named by then. */
  readonly named: readonly number[];
}

/** The longest time before its end from which on a token is not handed out without asking, in milliseconds. */
const MARGIN_MS = 10_000;
/** For how long a renewed token is another than the one before it for sure. The server waits longer (`minForcedAgeMs`). */
const RENEWED_FOR_MS = 2_000;

/** How long a token lives on, in milliseconds, by both clocks (F22). */
export function leftMs({ since, lifeMs }: HeldToken, now: Reading): number {
  return lifeMs - elapsedMs(since, now);
}

/** From how long before its end on it is not handed out without asking, in milliseconds. */
function marginMs({ lifeMs }: HeldToken): number {
  return Math.min(MARGIN_MS, lifeMs / 4);
}

/**
 * In how many milliseconds another one is asked for while somebody listens and no news came: within its margin, so that the
 * news comes before, and after some of that by chance (`draw`, 0 to 1), so that many tabs do not ask in the same second.
 */
export function replaceInMs(held: HeldToken, now: Reading, draw: number): number {
  return leftMs(held, now) - marginMs(held) * (0.75 - draw / 2);
}

/** Whether a token lives long enough to be handed out as it is: for what was asked, 10 s, or a quarter of a shorter life (F27). */
export function isFresh(held: HeldToken, { minValidityMs, renew }: TokenRequest, now: Reading): boolean {
  if (renew && !(held.isRenewed && elapsedMs(held.since, now) < RENEWED_FOR_MS)) return false;
  return leftMs(held, now) >= Math.max(minValidityMs, marginMs(held));
}

/** Whether a token may be handed out where no other can be had: it lives, and as long as was asked. */
export function isUsable(held: HeldToken, { minValidityMs, renew }: TokenRequest, now: Reading): boolean {
  return !renew && leftMs(held, now) > 0 && leftMs(held, now) >= minValidityMs;
}

/** Whether the answer to `one` is an answer to `other` as well. */
export function covers(one: TokenRequest, other: TokenRequest): boolean {
  return one.minValidityMs >= other.minValidityMs && (one.renew || !other.renew);
}
