/**
 * What the parts of the engine share: the ports, the limits and the way to tell about events.
 *
 * @module
 */
import type { Clock } from "./clock.ts";
import type { TokenEvent } from "./events.ts";
import type { HeldWork } from "./held-work.ts";
import { grantRefOf, type GrantRecord } from "./grant.ts";
import type { GrantStore } from "./grant-store.ts";
import type { TimingOptions } from "./lead-time.ts";
import type { Refresher, RefreshRequest } from "./refresher.ts";
import type { Holding } from "./refresh-attempt.ts";
import { longestDeadlineMs, type RotationPolicy } from "./rotation.ts";
import type { Sealer } from "./sealer.ts";
import type { SharedState } from "./single-flight.ts";
import type { TokenSet } from "./token-set.ts";
import type { TokenTarget } from "./token-target.ts";

/** Every bound of the engine, in milliseconds. */
export interface Limits {
  /** How long a caller waits for a refresh. @defaultValue 5_000 */
  readonly maxWaitMs: number;
  /** How long a lease lasts without renewal. @defaultValue 4_000 */
  readonly leaseMs: number;
  /**
   * How long one refresh request may take; less where a second one has to fit into the server's window for it.
   * @defaultValue 60_000, or a quarter of the token's lifetime where that is less, but at least 5_000
   */
  readonly refreshDeadlineMs: number | undefined;
  /** How long one store operation may take. @defaultValue 3_000 */
  readonly storeTimeoutMs: number;
  /** How long a fresh token set is offered to a failing store before it is kept in memory. @defaultValue 10_000 */
  readonly persistBudgetMs: number;
  /** How long the last access token is served while the store is away. @defaultValue 30_000 */
  readonly staleIfStoreDownMs: number;
  /** The youngest access token that a rejection by an API, or a forced renewal, renews. @defaultValue 30_000, or a quarter of its lifetime */
  readonly minForcedAgeMs: number;
  /** How far a commit or a session read moves the sliding end. @defaultValue 30 days */
  readonly slidingLifetimeMs: number;
  /** The end that nothing extends, counted from sign-in. @defaultValue 365 days */
  readonly absoluteLifetimeMs: number;
}

/** The defaults of {@link Limits}. */
export const DEFAULT_LIMITS: Limits = {
  maxWaitMs: 5_000,
  leaseMs: 4_000,
  refreshDeadlineMs: undefined,
  storeTimeoutMs: 3_000,
  persistBudgetMs: 10_000,
  staleIfStoreDownMs: 30_000,
  minForcedAgeMs: 30_000,
  slidingLifetimeMs: 30 * 24 * 3_600_000,
  absoluteLifetimeMs: 365 * 24 * 3_600_000,
};

const MAX_DEADLINE_MS = 60_000;
const MIN_DEADLINE_MS = 5_000;

/** The engine's surroundings. All of it is injected. */
export interface Engine {
  /** Bounded in time already, see `boundedStore`. */
  readonly store: GrantStore;
  readonly sealer: Sealer;
  readonly refresher: Refresher;
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** A name for one attempt, unique in all processes. */
  readonly newId: () => string;
  /** This process, as leases name it. */
  readonly holder: string;
  readonly timing: TimingOptions;
  readonly limits: Limits;
  readonly shared: SharedState;
  /** Never throws. */
  readonly emit: (event: TokenEvent) => void;
  /** Takes work that nobody waits for. See {@link HeldWork.add}. */
  readonly background: HeldWork["add"];
  /** How the grant's authorization server rotates. */
  readonly rotationOf: (grant: GrantRecord) => RotationPolicy;
  /** Aborted when the engine closes: what waits for better times stops waiting. */
  readonly closing: AbortSignal;
  /**
   * When the store failed last as this process saw it, and since when refreshes wait for that to be over, in epoch
   * milliseconds; absent: it has not, and none does.
   */
  readonly storeTrouble: { lastFailureMs?: number; waitingSinceMs?: number | undefined };
  /** The leases under which a request is being sent right now, by grant: what `close` hands over. */
  readonly sending: Map<string, Holding>;
}

/** How long one request that refreshes this grant may take, in milliseconds. */
export function refreshDeadlineMsOf({ limits, rotationOf }: Engine, grant: GrantRecord): number {
  return Math.min(limits.refreshDeadlineMs ?? usualDeadlineMs(grant), longestDeadlineMs(rotationOf(grant)));
}

function usualDeadlineMs({ accessTokenExpiresAtMs, accessTokenIssuedAtMs }: GrantRecord): number {
  if (accessTokenExpiresAtMs === null) return MAX_DEADLINE_MS;
  const lifetimeMs = accessTokenExpiresAtMs - accessTokenIssuedAtMs;
  return Math.min(MAX_DEADLINE_MS, Math.max(MIN_DEADLINE_MS, lifetimeMs / 4));
}

/** The request that renews or revokes a token set of a grant. */
export function requestFor(
  grant: GrantRecord,
  tokenSet: TokenSet,
  attemptId: string,
  signal: AbortSignal,
  target?: TokenTarget,
): RefreshRequest {
  const { provider, issuer, clientId } = grant;
  return { provider, issuer, clientId, tokenSet, attemptId, signal, ...(target !== undefined && { target }) };
}

/** A task that is done with when it ends: what it rejects with has been told as an event or is of no use. */
export async function settled(task: Promise<unknown>): Promise<void> {
  try {
    await task;
  } catch {
    // A background task has nobody to reject to (SEC-87).
  }
}

/** The members that every event of this grant carries. */
export function about(
  engine: Engine,
  grant: GrantRecord,
): { atMs: number; grantRef: string; provider: string } {
  return { atMs: engine.clock.nowMs(), grantRef: grantRefOf(grant.id), provider: grant.provider };
}
