/**
 * The tokens and states that the timeline draws, in milliseconds of the monotonic clock. Pure, and of bounded length.
 *
 * @module
 */
import type { Status } from "./facts.ts";

/** One access token, as far as this tab knows of it. */
export interface TokenLife {
  /** When it was first heard of. */
  readonly fromMs: number;
  /** When it ends. */
  readonly endMs: number;
  /** `accessTokenExpires`, which tells tokens apart; 0 where it is not known. */
  readonly expires: number;
  /** When nobody was signed in any more, before its end. */
  readonly goneMs?: number;
}

/** From when on the session was in a state. */
export interface StatusSpan {
  readonly fromMs: number;
  readonly status: Status;
}

const MAX_KEPT = 60;
/** Two answers about one token are off by the second that `accessTokenExpiresIn` is rounded to, and by the network. */
const SAME_END_MS = 2_500;

/** Adds what was seen of a token, unless it is the one that was seen before. */
export function withLife(lives: readonly TokenLife[], seen: TokenLife): readonly TokenLife[] {
  const last = lives.at(-1);
  const isSame =
    last?.expires === seen.expires && (seen.expires > 0 || Math.abs(last.endMs - seen.endMs) < SAME_END_MS);
  return isSame && last.goneMs === undefined ? lives : [...lives, seen].slice(-MAX_KEPT);
}

/** Ends the present one: a sign-out ends it for this browser, however long the API would take it. */
export function withoutLife(lives: readonly TokenLife[], goneMs: number): readonly TokenLife[] {
  const last = lives.at(-1);
  return last && last.goneMs === undefined ? [...lives.slice(0, -1), { ...last, goneMs }] : lives;
}

/** Adds a state, unless it is the one before. */
export function withStatus(spans: readonly StatusSpan[], seen: StatusSpan): readonly StatusSpan[] {
  return spans.at(-1)?.status === seen.status ? spans : [...spans, seen].slice(-MAX_KEPT);
}
