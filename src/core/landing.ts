/**
 * How an engine comes to rest: what is under way is finished, and what cannot be finished is handed over.
 *
 * @module
 */
import { flushEnds } from "./end-grant.ts";
import { about, settled, type Engine } from "./engine.ts";
import { sinceFirst } from "./intent.ts";
import { flushPending } from "./persist.ts";
import { flushCandidates } from "./settle-commit.ts";
import { giveBack } from "./take-lease.ts";

/** How long to wait before the store is offered again what it did not take, in milliseconds. */
const PAUSE_MS = 250;

/**
 * Waits for the refreshes under way, and offers the store what is left in memory only until it has taken all of it.
 *
 * @param over Ends the offering.
 */
export async function land(engine: Engine, over: AbortSignal): Promise<void> {
  const flights = [...engine.shared.flights.values()].map(({ result }) => settled(result));
  await Promise.all([...flights, offerPending(engine, over)]);
  await offerPending(engine, over);
}

/** Offers the store what it has not taken yet, again and again until nothing is left of it. */
export async function offerPending(engine: Engine, over: AbortSignal): Promise<void> {
  const { pendingRotations, pendingCandidates, pendingEnds } = engine.shared;
  while (!over.aborted) {
    await Promise.all([...pendingRotations.keys()].map((id) => settled(flushPending(engine, id))));
    await flushCandidates(engine);
    await flushEnds(engine);
    if (pendingRotations.size + pendingCandidates.size + pendingEnds.size === 0) return;
    await engine.clock.sleep(PAUSE_MS, over);
  }
}

/**
 * Gives back the leases of requests that are still out, their intents marked as of unknown outcome: the next process
 * acts on them at once instead of waiting for the leases to end (X17). An answer that still comes is committed by version.
 */
export async function handOver(engine: Engine): Promise<void> {
  const given = [...engine.sending.values()].map(async ({ grant, lease, attemptId, unresolved }) => {
    const intent = grant.intent && sinceFirst(grant.intent, unresolved, "unknown");
    if (await giveBack(engine, grant, lease, { intent }))
      engine.emit({ type: "handed_over", ...about(engine, grant), attemptId });
  });
  await Promise.all(given.map(settled));
}
