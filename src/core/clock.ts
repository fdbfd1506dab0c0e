/**
 * Time as the engine sees it: a wall clock and a way to wait. Nothing else in `src/core` or `src/oauth`
 * touches `Date.now` or `setTimeout`, so a test or a simulation owns time completely.
 *
 * @module
 */

/** A source of wall-clock time and of waiting. */
export interface Clock {
  /** Current time, in milliseconds since the Unix epoch. */
  nowMs(): number;
  /**
   * Resolves after `durationMs` milliseconds, or as soon as `signal` is aborted. It never rejects, so that a
   * wait which nobody needs any more can simply be dropped.
   */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
}

/** The longest delay that `setTimeout` honours; anything above fires at once (F25). */
export const MAX_TIMER_MS = 2_147_483_647;

/** The real clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  sleep: (durationMs, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, Math.min(Math.max(durationMs, 0), MAX_TIMER_MS));
      signal?.addEventListener("abort", done, { once: true });
    }),
};
