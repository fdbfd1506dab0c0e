/**
 * Where things stand in the timeline. Pure.
 *
 * @module
 */
import type { TokenLife } from "./history.ts";

/** The stretch of time that is drawn, in milliseconds of the monotonic clock. */
export interface Stretch {
  readonly fromMs: number;
  readonly toMs: number;
  /** Between two ticks. */
  readonly tickMs: number;
}

const LEAST_BACK_MS = 60_000;
const MOST_BACK_MS = 900_000;
const AHEAD = 0.3;
const TICKS_MS = [15_000, 30_000, 60_000, 120_000, 300_000, 600_000];
const MOST_TICKS = 7;

/** Two and a half lives of the present token back, within a minute and a quarter of an hour, and some time ahead. */
export function stretchOf(lives: readonly TokenLife[], nowMs: number): Stretch {
  const last = lives.at(-1);
  const lifeMs = last ? last.endMs - last.fromMs : 0;
  const backMs = Math.min(MOST_BACK_MS, Math.max(LEAST_BACK_MS, 2.5 * lifeMs));
  const allMs = backMs * (1 + AHEAD);
  const tickMs = TICKS_MS.find((each) => allMs / each <= MOST_TICKS) ?? MOST_BACK_MS;
  return { fromMs: nowMs - backMs, toMs: nowMs + backMs * AHEAD, tickMs };
}

/** A life as it was lived: until its successor came, it ended, the user left, or now. */
export interface LivedLife extends TokenLife {
  readonly untilMs: number;
}

/** The lives that lie in the stretch. */
export function livedLives(
  lives: readonly TokenLife[],
  nowMs: number,
  { fromMs }: Stretch,
): readonly LivedLife[] {
  return lives
    .map((life, i) => ({
      ...life,
      untilMs: Math.max(
        life.fromMs,
        Math.min(life.endMs, nowMs, life.goneMs ?? Infinity, lives[i + 1]?.fromMs ?? Infinity),
      ),
    }))
    .filter(({ untilMs }) => untilMs > fromMs);
}
