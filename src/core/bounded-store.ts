/**
 * A store whose every operation ends: within `storeTimeoutMs`, or with a {@link StoreFailedError}.
 *
 * @module
 */
import type { Clock } from "./clock.ts";
import { StoreFailedError, isTokenError } from "./errors.ts";
import type { GrantStore } from "./grant-store.ts";

/**
 * Wraps a store.
 *
 * @param onFailure Told the name of each operation that failed.
 */
export function boundedStore(
  store: GrantStore,
  clock: Clock,
  timeoutMs: number,
  onFailure: (operation: string) => void,
): GrantStore {
  async function bounded<Result>(operation: string, run: () => Promise<Result>): Promise<Result> {
    const timer = new AbortController();
    const timedOut = Symbol("timed out");
    try {
      const work = run();
      // The loser of the race may still reject, long after anybody listens.
      work.catch(() => undefined);
      const winner = await Promise.race([
        work,
        clock.sleep(timeoutMs, timer.signal).then(() => timedOut as unknown as Result),
      ]);
      if ((winner as unknown) === timedOut) {
        throw new StoreFailedError(
          `The ${store.kind} store did not answer "${operation}" within ${timeoutMs} ms`,
        );
      }
      return winner;
    } catch (error) {
      onFailure(operation);
      if (isTokenError(error)) throw error;
      throw new StoreFailedError(`The ${store.kind} store failed at "${operation}"`, { cause: error });
    } finally {
      timer.abort();
    }
  }
  return {
    kind: store.kind,
    insert: (grant) => bounded("insert", () => store.insert(grant)),
    read: (id) => bounded("read", () => store.read(id)),
    acquireLease: (id, request) => bounded("acquireLease", () => store.acquireLease(id, request)),
    renewLease: (id, lease, durationMs) =>
      bounded("renewLease", () => store.renewLease(id, lease, durationMs)),
    releaseLease: (id, lease, note) => bounded("releaseLease", () => store.releaseLease(id, lease, note)),
    commit: (id, commit) => bounded("commit", () => store.commit(id, commit)),
    addCandidate: (id, candidate) => bounded("addCandidate", () => store.addCandidate(id, candidate)),
    removeCandidate: (id, attemptId) =>
      bounded("removeCandidate", () => store.removeCandidate(id, attemptId)),
    end: (id, reason, version) => bounded("end", () => store.end(id, reason, version)),
    endMatching: (selector, reason) => bounded("endMatching", () => store.endMatching(selector, reason)),
    findMatching: (selector, limit, state) =>
      bounded("findMatching", () => store.findMatching(selector, limit, state)),
    reseal: (id, reseal) => bounded("reseal", () => store.reseal(id, reseal)),
    scan: (cursor, limit) => bounded("scan", () => store.scan(cursor, limit)),
    wipe: (id) => bounded("wipe", () => store.wipe(id)),
    slide: (id, slidingEndMs) => bounded("slide", () => store.slide(id, slidingEndMs)),
    purge: (limit) => bounded("purge", () => store.purge(limit)),
    close: () => bounded("close", () => store.close()),
  };
}
