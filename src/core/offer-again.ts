/**
 * Offers a write to a store that does not take it, until it does.
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
 */
export async function offerAgain(
  { clock, random, closing }: Engine,
  write: () => Promise<boolean>,
  firstPauseMs: number,
): Promise<void> {
  const giveUpAtMs = clock.nowMs() + MAX_PENDING_MS;
  for (
    let pauseMs = firstPauseMs;
    clock.nowMs() < giveUpAtMs;
    pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)
  ) {
    await clock.sleep(pauseMs * (0.5 + random() / 2), closing);
    if (closing.aborted) return;
    try {
      if (await write()) return;
    } catch {
      // The store is still away.
    }
  }
}
