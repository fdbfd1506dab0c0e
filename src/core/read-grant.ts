/**
 * Reads a grant once, and says what may still be served when the store is away.
 *
 * There is no token cache: each call reads the store, so that a sign-out holds everywhere at the next read. The last
 * reading is kept, sealed as it was, only for the moment in which the store does not answer; it is served for at
 * most `staleIfStoreDownMs`, which is the stated bound of a sign-out during an outage.
 *
 * @module
 */
import { about, type Engine } from "./engine.ts";
import { StoreFailedError } from "./errors.ts";
import type { GrantRecord } from "./grant.ts";
import { flushPending, withPending } from "./persist.ts";
import { openTokens } from "./seal-tokens.ts";
import { noteReading } from "./single-flight.ts";
import type { TokenSet } from "./token-set.ts";

/** A grant as it can be had right now. */
export interface CurrentGrant {
  readonly grant: GrantRecord;
  readonly storeNowMs: number;
  /** True: the store is away, and this is what it said last. Nothing may be refreshed on the strength of it. */
  readonly stale: boolean;
  /** Opens the token set. `undefined` if it does not open. */
  readonly tokenSet: () => TokenSet | undefined;
}

/**
 * Reads a grant.
 *
 * @returns `undefined` if the store does not know it.
 * @throws {@link StoreFailedError} if the store is away and nothing recent is known.
 */
export async function readGrant(engine: Engine, id: string): Promise<CurrentGrant | undefined> {
  const current = await readLiveOrLast(engine, id);
  return current && { ...current, grant: withPendingEnd(engine, current.grant) };
}

/** The grant, ended if its user has signed out and the store, which was away, does not know it yet (SEC-13). */
export function withPendingEnd({ shared, clock }: Engine, grant: GrantRecord): GrantRecord {
  const endReason = shared.pendingEnds.get(grant.id)?.reason;
  if (endReason === undefined || grant.state === "ended") return grant;
  return { ...grant, state: "ended", endReason, endedAtMs: clock.nowMs() };
}

async function readLiveOrLast(engine: Engine, id: string): Promise<CurrentGrant | undefined> {
  try {
    return await readLive(engine, id);
  } catch (error) {
    const last = readLast(engine, id);
    if (last !== undefined) return last;
    throw error;
  }
}

async function readLive(engine: Engine, id: string): Promise<CurrentGrant | undefined> {
  const { store, shared, clock } = engine;
  const reading = await store.read(id);
  if (reading === undefined) {
    shared.lastReadings.delete(id);
    return undefined;
  }
  noteReading(shared, reading, clock.nowMs());
  const grant = withPending(engine, reading.grant);
  // A store that can be read may take writes again: nobody waits for that.
  if (shared.pendingRotations.has(id)) engine.background(flushPending(engine, id));
  return { grant, storeNowMs: reading.storeNowMs, stale: false, tokenSet: () => openTokens(engine, grant) };
}

function readLast(engine: Engine, id: string): CurrentGrant | undefined {
  const { shared, clock, limits } = engine;
  const last = shared.lastReadings.get(id);
  if (last === undefined) return undefined;
  const ageMs = clock.nowMs() - last.readAtMs;
  // A reading from the future is of before the clock was set back: how old it is nobody knows (X19).
  if (ageMs < 0 || ageMs > limits.staleIfStoreDownMs) return undefined;
  const { storeNowMs } = last.reading;
  const grant = withPending(engine, last.reading.grant);
  engine.emit({ type: "served_stale", ...about(engine, grant) });
  return { grant, storeNowMs, stale: true, tokenSet: () => openTokens(engine, grant) };
}

/** Forgets what is kept of a grant for an outage: after a sign-out this process must not serve it either. */
export function forgetGrant({ shared }: Engine, id: string): void {
  shared.lastReadings.delete(id);
}

/** The error for a stored value that does not open. */
export function unopenable(grantRef: string): StoreFailedError {
  return new StoreFailedError(
    `The stored tokens of grant ${grantRef} could not be opened: a key that sealed them is missing from the key ring, or the row was changed. Put the old secret back into NOLAPSE_SECRET behind the new one`,
  );
}
