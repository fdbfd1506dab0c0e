/**
 * Offers a write to whoever does not take it, until it is taken.
 *
 * @module
 */
import type { Engine } from "./engine.ts";

/** How long such a write is offered, in milliseconds: an hour. */
export const MAX_PENDING_MS = 3_600_000;

const MAX_PAUSE_MS = 15_000;

/**
 * Repeats a write with growing pauses until it resolves with true, for at most {@link MAX_PENDING_MS} and not once the
 * engine is closing. What it rejects with has been told as an event.
 *
 * @param maxPauseMs The longest pause, in milliseconds. @defaultValue 15_000
 */
export async function offerAgain(
  { clock, random, closing }: Engine,
  write: () => Promise<boolean>,
  firstPauseMs: number,
  maxPauseMs: number = MAX_PAUSE_MS,
): Promise<void> {
  let waitedMs = 0;
  for (let mostMs = firstPauseMs; waitedMs < MAX_PENDING_MS; mostMs = Math.min(2 * mostMs, maxPauseMs)) {
    const pauseMs = mostMs * (0.5 + random() / 2);
    waitedMs += pauseMs;
    await clock.sleep(pauseMs, closing);
    if (closing.aborted) return;
    try {
      if (await write()) return;
    } catch {
      // Still not taken.
    }
  }
}
