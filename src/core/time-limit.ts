/**
 * A bound on waiting that holds although the wall clock jumps: what is measured is a wait, not the time of day (I11, I17).
 *
 * @module
 */
import type { Clock } from "./clock.ts";

/** A bound that has begun. */
export interface TimeLimit {
  /** Resolves when the time is up, or when the limit was ended before. */
  readonly passed: Promise<void>;
  isOver(): boolean;
  /** About how much is left, in milliseconds: 0 to the whole. */
  leftMs(): number;
  /** Lets go of the timer. */
  end(): void;
}

/** Starts a limit of `durationMs` milliseconds. Whoever starts it ends it. */
export function startTimeLimit(clock: Clock, durationMs: number): TimeLimit {
  const timer = new AbortController();
  const endsAtMs = clock.nowMs() + durationMs;
  let over = durationMs <= 0;
  const passed = clock.sleep(durationMs, timer.signal).then(() => {
    over = true;
  });
  const leftMs = (): number => Math.min(Math.max(0, endsAtMs - clock.nowMs()), durationMs);
  return { passed, isOver: () => over || leftMs() === 0, leftMs, end: () => timer.abort() };
}

/** Runs something with a limit that ends with it. */
export async function withTimeLimit<Result>(
  clock: Clock,
  durationMs: number,
  run: (limit: TimeLimit) => Promise<Result>,
): Promise<Result> {
  const limit = startTimeLimit(clock, durationMs);
  try {
    return await run(limit);
  } finally {
    limit.end();
  }
}
