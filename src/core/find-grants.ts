/**
 * Finds the grants of a session, a user or a session at the authorization server, by what the store indexes.
 *
 * @module
 */
import type { Engine } from "./engine.ts";
import type { GrantRecord } from "./grant.ts";
import type { GrantSelector } from "./grant-store.ts";
import { withPendingEnd } from "./read-grant.ts";

/** How many grants of one user or session are looked at: the newest. */
export const MAX_FOUND = 10_000;

/** Which grants are looked for. All have defaults. */
export interface FindOptions {
  /** As the store has it. @defaultValue "live" */
  readonly state?: GrantRecord["state"];
  /** How many at most. @defaultValue 10_000 */
  readonly limit?: number;
  /**
   * Whether, while the store is away, what this process has read of late is found, as it would be served: for at most
   * `staleIfStoreDownMs`. @defaultValue false
   */
  readonly orLastRead?: boolean;
}

/** See `TokenManager.findGrants`. */
export async function findGrants(
  engine: Engine,
  selector: GrantSelector,
  options: FindOptions = {},
): Promise<readonly GrantRecord[]> {
  const { state = "live", limit = MAX_FOUND, orLastRead = false } = options;
  const found = await engine.store.findMatching(selector, limit, state).catch((error: unknown) => {
    const last = orLastRead ? lastOf(engine, selector).filter((grant) => grant.state === state) : [];
    if (last.length === 0) throw error;
    return last.slice(0, limit);
  });
  return found.map((grant) => withPendingEnd(engine, grant));
}

/** Whether a grant is one of those that a selector names. */
export function isSelected(
  grant: Pick<GrantRecord, "sessionRef" | "subjectRef" | "sidRef">,
  selector: GrantSelector,
): boolean {
  return Object.entries(selector).every(
    ([field, value]) => grant[field as "sessionRef" | "subjectRef" | "sidRef"] === value,
  );
}

function lastOf({ shared, clock, limits }: Engine, selector: GrantSelector): readonly GrantRecord[] {
  const nowMs = clock.nowMs();
  return [...shared.lastReadings.values()]
    .filter(({ readAtMs }) => nowMs >= readAtMs && nowMs - readAtMs <= limits.staleIfStoreDownMs)
    .map(({ reading }) => reading.grant)
    .filter((grant) => isSelected(grant, selector))
    .sort((one, other) => other.createdAtMs - one.createdAtMs);
}
