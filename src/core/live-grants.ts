/**
 * Finds the grants of one user or one session.
 *
 * @module
 */
import type { Engine } from "./engine.ts";
import type { GrantRecord } from "./grant.ts";
import type { GrantSelector } from "./grant-store.ts";

/** How many grants of one user or session are looked at: the newest. */
export const MAX_FOUND = 10_000;

/** See `TokenManager.liveGrants`. An end that the store has not taken yet counts as one. */
export async function liveGrants(
  { store, clock, shared }: Engine,
  selector: GrantSelector,
): Promise<readonly GrantRecord[]> {
  const nowMs = clock.nowMs();
  const found = await store.findMatching(selector, MAX_FOUND);
  return found.filter(({ id, slidingEndMs }) => slidingEndMs > nowMs && !shared.pendingEnds.has(id));
}
