/**
 * Everything that the client takes from its surroundings: time, chance and the events of a page. `browser.ts` is the real one.
 *
 * @module
 */

/**
 * What made the page look at the clock again. `visible` is `visibilitychange` to visible; `restored`: it
 * came out of the back/forward cache, where it heard of nothing; `marker`: the server said in a
 * cookie that there is another token, or none any more (F35); `active`: somebody is back after the idle limit (F29).
 */
export type WakeReason = "focus" | "visible" | "online" | "pageshow" | "restored" | "marker" | "active";

/** Both clocks at one moment. */
export interface Reading {
  /** Epoch milliseconds; jumps when somebody sets the clock. */
  readonly wallMs: number;
  /** Milliseconds since some start; may stand still while the machine sleeps. */
  readonly monotonicMs: number;
}

/** The other tabs of the same browser that show the same app. */
export interface OtherTabs {
  /** Tells all of them, and not this one. May get lost. */
  readonly post: (news: unknown) => void;
  /** Calls back on what any of them posted, as it came, until the returned function is called. */
  readonly onPost: (listener: (value: unknown) => void) => () => void;
  /**
   * Runs `hold` while no other tab's `hold` runs, as `navigator.locks.request`: rejects once `signal` is aborted before.
   * `undefined` where the browser has none (a page that is not a secure context).
   */
  readonly lock: ((hold: () => Promise<void>, signal: AbortSignal) => Promise<void>) | undefined;
}

/** The page around a scheduler. */
export interface Environment {
  /** Reads both clocks. */
  read(): Reading;
  /** As `setTimeout`: may be late, or early by a little, and must not be given more than 2^31-1 milliseconds (F25). */
  setTimer(run: () => void, delayMs: number): unknown;
  /** As `clearTimeout`. */
  clearTimer(timer: unknown): void;
  /** From 0 (included) to 1 (excluded). */
  random(): number;
  /** What the browser believes about the network. `false` can be trusted, `true` cannot (F23). */
  online(): boolean;
  /** Whether somebody can see the page. Of several tabs the visible ones ask first: hidden ones are throttled (F20). */
  visible(): boolean;
  /** Calls back on every wake event until the returned function is called. */
  onWake(listener: (reason: WakeReason) => void): () => void;
}

/**
 * How much time has passed, in milliseconds: the larger of both clocks' deltas, because the monotonic clock may miss a
 * sleep and the wall clock may be set back. Where that is too much, a tab asks early, which is harmless.
 */
export function elapsedMs(since: Reading, now: Reading): number {
  return Math.max(now.wallMs - since.wallMs, now.monotonicMs - since.monotonicMs);
}

/** By how much the clocks moved apart, in milliseconds: a sleep, or a clock that was set. */
export function divergenceMs(since: Reading, now: Reading): number {
  return Math.abs(now.wallMs - since.wallMs - (now.monotonicMs - since.monotonicMs));
}
