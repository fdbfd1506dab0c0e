/**
 * Keeps a lease alive while a refresh request is under way.
 *
 * @module
 */
import { about, type Engine } from "./engine.ts";
import type { Holding } from "./refresh-attempt.ts";

/**
 * Runs something while renewing the lease at a quarter of its length: until that ends, and at most for `maxMs`, so that
 * a holder that is stuck loses its lease in the end. Stops when the lease has gone to somebody else, or was handed over.
 */
export async function whileLeased<Result>(
  engine: Engine,
  holding: Holding,
  maxMs: number,
  run: () => Promise<Result>,
): Promise<Result> {
  const finished = new AbortController();
  // It ends with what it accompanies, which the host knows of.
  void renew(engine, holding, maxMs, finished.signal);
  try {
    return await run();
  } finally {
    finished.abort();
  }
}

async function renew(engine: Engine, holding: Holding, maxMs: number, finished: AbortSignal): Promise<void> {
  const { clock, store, limits, closing } = engine;
  const { grant, lease, attemptId } = holding;
  const isOver = (): boolean => finished.aborted || closing.aborted;
  for (let renewedMs = 0; renewedMs < maxMs; renewedMs += limits.leaseMs / 4) {
    await clock.sleep(limits.leaseMs / 4, finished);
    if (isOver()) return;
    try {
      const renewed = await store.renewLease(grant.id, lease, limits.leaseMs);
      // What it accompanied may have ended meanwhile, and the lease with it.
      if (isOver()) return;
      if (!renewed) {
        engine.emit({ type: "lease_lost", ...about(engine, grant), attemptId });
        return;
      }
    } catch {
      // One renewal missed: the next may still come in time, and the commit does not need the lease.
    }
  }
}
