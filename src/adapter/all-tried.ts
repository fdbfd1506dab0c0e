/**
 * Several things to end, of which none may stand in another one's way.
 *
 * @module
 */

/** Waits for all of them, whatever becomes of the others. Rejects afterwards, as the first in the list that did. */
export async function allTried(tasks: readonly Promise<unknown>[]): Promise<void> {
  const outcomes = await Promise.allSettled(tasks);
  for (const each of outcomes) if (each.status === "rejected") throw each.reason;
}
