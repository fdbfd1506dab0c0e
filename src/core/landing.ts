/**
 * How an engine comes to rest: what is under way is finished, and what cannot be finished is handed over.
 *
 * @module
 */
import { flushEnds } from "./end-grant.ts";
import { about, settled, type Engine } from "./engine.ts";
import { flushCandidates, flushPending } from "./persist.ts";

/** Waits for the refreshes under way, then stores what is left in memory only. */
export async function land(engine: Engine): Promise<void> {
  const { flights, pendingRotations } = engine.shared;
  await Promise.all([...flights.values()].map((flight) => settled(flight.result)));
  await Promise.all([...pendingRotations.keys()].map((id) => settled(flushPending(engine, id))));
  await flushCandidates(engine);
  await flushEnds(engine);
}

/**
 * Gives back the leases of requests that are still out, their intents marked as of unknown outcome: the next process
 * acts on them at once instead of waiting for the leases to end (X17). An answer that still comes is committed by version.
 */
export async function handOver(engine: Engine): Promise<void> {
  const given = [...engine.sending.values()].map(async ({ grant, lease, attemptId, unresolved }) => {
    // The server's window opened with the first request of this version, whoever sent it.
    const startedAtMs = unresolved?.startedAtMs ?? grant.intent?.startedAtMs ?? 0;
    const intent = grant.intent && { ...grant.intent, startedAtMs, outcome: "unknown" as const };
    await engine.store.releaseLease(grant.id, lease, { intent });
    engine.emit({ type: "handed_over", ...about(engine, grant), attemptId });
  });
  await Promise.all(given.map(settled));
}
