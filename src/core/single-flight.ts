/**
 * Callers in this process share one refresh per grant. The state hangs on `globalThis`, because Next bundles a module
 * more than once and each copy has to see the same flights.
 *
 * @module
 */
import type { Engine } from "./engine.ts";
import type { EndReason, GrantRecord, Intent, Lease } from "./grant.ts";
import type { GrantReading, Commit } from "./grant-store.ts";
import type { Persisted } from "./settle-commit.ts";
import type { TokenSet } from "./token-set.ts";

/** Something that several callers wait for. */
export interface Flight<Result> {
  readonly result: Promise<Result>;
}

/** Which request an answer is to. */
export interface SentRequest {
  readonly attemptId: string;
  /** Its number within the attempt, from 1. */
  readonly request: number;
  /** The lease under which it was sent. */
  readonly lease: Lease;
  /** The intent of an earlier one on the same version whose outcome nobody knew when it was sent. */
  readonly unresolved: Intent | null;
  /** The kept token set whose refresh token it sends; absent: the stored one's. */
  readonly candidate?: SentCandidate | undefined;
}

/** A kept token set that is sent. */
export interface SentCandidate {
  readonly tokenSet: TokenSet;
  /** Until when it is worth trying, in epoch milliseconds by the store's clock. */
  readonly untilMs: number;
}

/** What names a candidate, as one attempt may have several answers: its name, with the number of the request if not the first. */
export function sendNameOf({ attemptId, request }: Pick<SentRequest, "attemptId" | "request">): string {
  return request === 1 ? attemptId : `${attemptId}.${request}`;
}

/** A committed answer of the authorization server that the store has not taken yet (S4). */
export interface PendingRotation {
  /** The row whose refresh token was spent for it. */
  readonly parent: GrantRecord;
  readonly commit: Commit;
  readonly tokenSet: TokenSet;
  readonly sent: SentRequest;
  /** When the server's answer was there, in epoch milliseconds. */
  readonly answeredAtMs: number;
  /**
   * Offers it to its own store once more. `undefined`: that is still away. Never rejects.
   *
   * @param by Who asks: it takes the place of an engine that is closed, if both have the same store.
   */
  readonly flush: (by: Engine) => Promise<Persisted | undefined>;
}

/** An end that the store has not taken yet. */
export interface PendingEnd {
  readonly reason: EndReason;
  /** When the store first failed to take it, in epoch milliseconds by this server's clock. */
  readonly sinceMs: number;
  /** Offers it once more. Rejects if the store is still away. */
  readonly end: () => Promise<unknown>;
}

/** What all copies of the engine in one process share. Every map is bounded. */
export interface SharedState {
  readonly flights: Map<string, Flight<unknown>>;
  /** The last reading of a grant, sealed as it was stored, for the time that the store is away. */
  readonly lastReadings: Map<string, { readonly reading: GrantReading; readonly readAtMs: number }>;
  /** By grant, in the order in which they came; never an empty list. */
  readonly pendingRotations: Map<string, readonly PendingRotation[]>;
  /** Candidates that the store has not taken yet: each offers itself once, and says whether it is done with. */
  readonly pendingCandidates: Map<string, () => Promise<boolean>>;
  /** Grants with a request that is past its deadline and may still be answered, until when, in epoch milliseconds. */
  readonly lateRequests: Map<string, number>;
  /** Grants and reasons for which a caller was told that only a new sign-in helps. */
  readonly toldReasons: Map<string, true>;
  /** Targets that the authorization server refused, by grant and target, until when this process does not ask again. */
  readonly refusedTargets: Map<string, { readonly untilMs: number; readonly code: string }>;
  /** Ends that the store has not taken yet, by grant or selector: this process refuses the grants all the same. */
  readonly pendingEnds: Map<string, PendingEnd>;
  /** Revocations that the authorization server has not taken yet: each offers itself once. */
  readonly pendingRevocations: Map<string, () => Promise<boolean>>;
}

/** How many rotations of one grant wait for the store at most; the oldest goes first. One attempt brings up to four. */
export const MAX_PENDING_PER_GRANT = 8;

/** How many readings, and grants with pending rotations, are kept at most; the oldest goes first. */
export const MAX_SHARED_ENTRIES = 10_000;

/** A state of its own, for tests and for several engines in one process that must not know of each other. */
export function createSharedState(): SharedState {
  return {
    flights: new Map(),
    lastReadings: new Map(),
    pendingRotations: new Map(),
    pendingCandidates: new Map(),
    lateRequests: new Map(),
    toldReasons: new Map(),
    refusedTargets: new Map(),
    pendingEnds: new Map(),
    pendingRevocations: new Map(),
  };
}

/** The state that every copy of the engine in this process finds under the same name. */
export function processSharedState(name: string): SharedState {
  const key = Symbol.for("nolapse.shared-state.v1");
  const holder = globalThis as unknown as Record<symbol, Map<string, SharedState> | undefined>;
  const states = (holder[key] ??= new Map<string, SharedState>());
  let state = states.get(name);
  if (state === undefined) states.set(name, (state = createSharedState()));
  return state;
}

/**
 * Joins the flight under `key`, or starts one. The entry goes when the flight ends, by itself and only by itself: a
 * waiter that gives up does not take it away from the others.
 */
export function joinFlight<Result>(
  flights: Map<string, Flight<unknown>>,
  key: string,
  start: () => Promise<Result>,
): { readonly result: Promise<Result>; readonly started: boolean } {
  const current = flights.get(key) as Flight<Result> | undefined;
  if (current !== undefined) return { result: current.result, started: false };
  const flight: Flight<Result> = {
    result: start().finally(() => {
      if (flights.get(key) === flight) flights.delete(key);
    }),
  };
  flights.set(key, flight);
  return { result: flight.result, started: true };
}

/** Keeps a reading for the time that the store is away; an older version never takes the place of a newer one (I9). */
export function noteReading({ lastReadings }: SharedState, reading: GrantReading, nowMs: number): void {
  const known = lastReadings.get(reading.grant.id);
  if (known !== undefined && known.reading.grant.version > reading.grant.version) return;
  remember(lastReadings, reading.grant.id, { reading, readAtMs: nowMs });
}

/** Sets an entry as the newest and drops the oldest above {@link MAX_SHARED_ENTRIES}. */
export function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > MAX_SHARED_ENTRIES) {
    const oldest = map.keys().next();
    if (!oldest.done) map.delete(oldest.value);
  }
}
