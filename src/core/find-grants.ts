/**
 * Finds the grants of a session, a user or a session at the authorization server, by what the store indexes.
 *
 * @module
 */
import type { Engine } from "./engine.ts";
import { isSelected } from "./end-grant.ts";
import type { EndReason, GrantRecord } from "./grant.ts";
import type { GrantSelector } from "./grant-store.ts";

/** A grant as it is found: enough to ask for it by its id. */
export interface FoundGrant {
  readonly id: string;
  readonly provider: string;
  /** `null` while it lives. */
  readonly endReason: EndReason | null;
}

/**
 * See `TokenManager.findGrants`. While the store is away, what this process has read of late is found, as it would be
 * served: for at most `staleIfStoreDownMs`.
 */
export async function findGrants(
  engine: Engine,
  selector: GrantSelector,
  state: GrantRecord["state"],
  limit: number,
): Promise<readonly FoundGrant[]> {
  try {
    return (await engine.store.findMatching(selector, limit, state)).map(foundFrom);
  } catch (error) {
    const last = lastOf(engine, selector).filter((grant) => grant.state === state);
    if (last.length === 0) throw error;
    return last.slice(0, limit).map(foundFrom);
  }
}

function lastOf({ shared, clock, limits }: Engine, selector: GrantSelector): readonly GrantRecord[] {
  const nowMs = clock.nowMs();
  return [...shared.lastReadings.values()]
    .filter(({ readAtMs }) => nowMs >= readAtMs && nowMs - readAtMs <= limits.staleIfStoreDownMs)
    .map(({ reading }) => reading.grant)
    .filter((grant) => isSelected(grant, selector))
    .sort((one, other) => other.createdAtMs - one.createdAtMs);
}

function foundFrom({ id, provider, endReason }: GrantRecord): FoundGrant {
  return { id, provider, endReason };
}
