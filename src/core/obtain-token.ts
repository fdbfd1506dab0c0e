/**
 * Hands out one access token: reads the grant once, and loops only while the token is worth nothing to the caller.
 *
 * @module
 */
import { LONGEST_PAUSE_MS } from "./backoff.ts";
import { decide, type Decision } from "./decide.ts";
import type { Engine } from "./engine.ts";
import {
  InvalidOptionError,
  ReauthenticationRequiredError,
  RefreshUnavailableError,
  StoreFailedError,
} from "./errors.ts";
import { grantRefOf, type GrantRecord } from "./grant.ts";
import { needsSecondChance } from "./intent.ts";
import { checkDuration } from "./lead-time.ts";
import { readGrant, unopenable, type CurrentGrant } from "./read-grant.ts";
import { attemptRefresh, reasonToWait, type FlightResult } from "./refresh-attempt.ts";
import { joinFlight } from "./single-flight.ts";
import { isInDoubt } from "./spent-parent.ts";
import { withTimeLimit, type TimeLimit } from "./time-limit.ts";
import type { TokenSet } from "./token-set.ts";
import { MAX_TARGETS, recordFor, targetKeyOf, tokenSetFor, type TokenTarget } from "./token-target.ts";

/** What a caller needs. */
export interface TokenAsk {
  /**
   * The least life that the token must have left, in milliseconds: at most its whole life less 30 s, or less a quarter
   * of it where that is less. @defaultValue see `minValidityMs` of the options
   */
  readonly minValidityMs?: number;
  /** How long to wait for a refresh, in milliseconds. @defaultValue 5_000 */
  readonly maxWaitMs?: number;
  /** False: only hand out what is there, start nothing (a prefetch). @defaultValue true */
  readonly mayRefresh?: boolean;
  /** Who asks, for events. @defaultValue "get-access-token" */
  readonly door?: string;
  /** What the token is for. @defaultValue what the sign-in asked for */
  readonly target?: TokenTarget;
}

/** Who wants a refresh, and of what. */
export type FlightAsk = Pick<TokenAsk, "door" | "target">;

/** An access token as it is handed out. */
export interface IssuedToken {
  readonly accessToken: string;
  /** As the authorization server wrote it, usually `Bearer`. */
  readonly tokenType: string;
  /** Expiry in epoch milliseconds; `undefined` where the token has no known end. */
  readonly expiresAtMs?: number;
  readonly scope?: string;
  /** NextAuth's provider id. */
  readonly provider: string;
  /** Grows with each refresh of the grant. */
  readonly version: number;
  /** Prefix of the grant's keyed hash, as events name it. */
  readonly grantRef: string;
  /** Other short members of the token response, such as Salesforce's `instance_url`. */
  readonly extra?: Readonly<Record<string, string | number | boolean>>;
}

/**
 * How often a caller starts over because what it joined brought a token that was too short for it again, or one for
 * another target: there may be as many refreshes before its own as a grant has targets.
 */
export const MAX_ROUNDS: number = MAX_TARGETS + 3;

/** The age that a token may reach before a caller's minimum renews it: this, or a quarter of its life where that is less. */
const MAX_MARGIN_MS = 30_000;

/** How soon to look again for a refresh that is merely slow, in milliseconds. */
const SLOW_RETRY_MS = 2_000;

/** See `TokenManager.getAccessToken`. */
export async function obtainToken(engine: Engine, id: string, ask: TokenAsk): Promise<IssuedToken> {
  checkDuration("minValidityMs", ask.minValidityMs, 0);
  checkDuration("maxWaitMs", ask.maxWaitMs, 0);
  const maxWaitMs = ask.maxWaitMs ?? engine.limits.maxWaitMs;
  return withTimeLimit(engine.clock, maxWaitMs, (limit) => obtainWithin(engine, id, ask, limit));
}

async function obtainWithin(
  engine: Engine,
  id: string,
  ask: TokenAsk,
  limit: TimeLimit,
): Promise<IssuedToken> {
  for (let round = 1; ; round++) {
    const { current, wanted, decision } = await readFor(engine, id, ask);
    if (isEnough(decision)) {
      const issued = issue(wanted.grant, opened(wanted));
      if (ask.mayRefresh !== false && isWorthRefreshing(engine, current, decision))
        refreshInBackground(engine, current, ask);
      return issued;
    }
    assertReachable(wanted.grant, ask);
    if (current.stale || ask.mayRefresh === false) return lastResort(engine, wanted, ask, "store_failed");
    // What does not open cannot be refreshed either: that is said at once, not after a wait (SEC-60).
    opened(current);
    const result = await refreshWithin(engine, current, limit, ask);
    if (result.kind === "ended") throw new ReauthenticationRequiredError(grantRefOf(id), result.reason);
    if (result.kind === "refreshed") {
      assertNotEnding(engine, id);
      const grant = recordFor(result.grant, () => result.tokenSet, ask.target);
      if (isEnough(decide(grant, engine.clock.nowMs(), engine.timing, ask.minValidityMs)))
        return issue(grant, tokenSetFor(result.tokenSet, ask.target));
    }
    if (mayStartOver(result, ask) && round < MAX_ROUNDS && !limit.isOver()) continue;
    const pauseMs = result.kind === "failed" ? result.retryInMs : Number.POSITIVE_INFINITY;
    if (limit.isOver() || pauseMs >= limit.leftMs())
      return lastResortAfterWait(engine, id, ask, result.kind === "failed" ? result.code : "too_short");
    await Promise.race([engine.clock.sleep(pauseMs), limit.passed]);
  }
}

/** During the wait the user may have signed out here, and the store may not know it yet (SEC-13, I16). */
function assertNotEnding({ shared }: Engine, id: string): void {
  const reason = shared.pendingEnds.get(id)?.reason;
  if (reason !== undefined) throw new ReauthenticationRequiredError(grantRefOf(id), reason);
}

/** Whether what this caller joined was somebody else's: the store may have what it needs, or its own turn comes now. */
export function mayStartOver(result: FlightResult, { target }: TokenAsk): boolean {
  if (result.kind === "refreshed") return targetKeyOf(result.target) !== targetKeyOf(target);
  return result.kind === "adopted";
}

/** Reads a grant and decides for this caller. Rejects if it is missing or has ended. */
export async function readFor(
  engine: Engine,
  id: string,
  ask: TokenAsk,
): Promise<{
  readonly current: CurrentGrant;
  /** The same for the caller's target. */
  readonly wanted: CurrentGrant;
  readonly decision: Decision;
}> {
  const current = await readGrant(engine, id);
  if (current === undefined) throw new ReauthenticationRequiredError(grantRefOf(id), "missing");
  const wanted = currentFor(current, ask.target);
  const decision = decide(wanted.grant, engine.clock.nowMs(), engine.timing, ask.minValidityMs);
  if (decision.kind === "ended") throw new ReauthenticationRequiredError(grantRefOf(id), decision.reason);
  return { current, wanted, decision };
}

/** A reading as it looks to whoever wants a token for this target. */
export function currentFor(current: CurrentGrant, target: TokenTarget | undefined): CurrentGrant {
  const tokenSet = (): TokenSet | undefined => {
    const all = current.tokenSet();
    return all && tokenSetFor(all, target);
  };
  return { ...current, grant: recordFor(current.grant, current.tokenSet, target), tokenSet };
}

function isEnough({ kind }: Decision): boolean {
  return kind === "fresh" || kind === "due";
}

/** Whether a reader who has what it needs starts a refresh all the same. */
export function isWorthRefreshing(
  engine: Engine,
  { grant, storeNowMs }: CurrentGrant,
  { kind }: Decision,
): boolean {
  const policy = engine.rotationOf(grant);
  if (kind !== "fresh") return kind === "due";
  return needsSecondChance(grant, storeNowMs, policy) || isInDoubt(grant, storeNowMs);
}

/** Starts a refresh, or joins the one under way, and does not wait for it. */
export function refreshInBackground(engine: Engine, current: CurrentGrant, ask: FlightAsk): void {
  if (current.stale || pausedFor(engine, current, ask) !== undefined) return;
  void flightFor(engine, current, ask);
}

/** Starts a refresh, or joins the one under way, and waits for it within the limit. */
export async function refreshWithin(
  engine: Engine,
  current: CurrentGrant,
  limit: TimeLimit,
  ask: FlightAsk,
): Promise<FlightResult> {
  const paused = pausedFor(engine, current, ask);
  if (paused !== undefined) return paused;
  const waiting: FlightResult = { kind: "failed", code: "waiting", retryInMs: SLOW_RETRY_MS };
  return Promise.race([flightFor(engine, current, ask), limit.passed.then(() => waiting)]);
}

/** Whether the reading alone tells that a flight would bring nothing: then the store is spared the lease. */
function pausedFor(
  engine: Engine,
  { grant, storeNowMs }: CurrentGrant,
  { target }: FlightAsk,
): FlightResult | undefined {
  const refused = engine.shared.refusedTargets.get(`${grant.id} ${targetKeyOf(target)}`);
  const pauseMs = refused === undefined ? 0 : refused.untilMs - engine.clock.nowMs();
  // A pause that seems longer than any was imposed before the clock was set back (I17).
  if (refused !== undefined && pauseMs > 0 && pauseMs <= LONGEST_PAUSE_MS)
    return { kind: "failed", code: refused.code, retryInMs: pauseMs };
  const underWay = grant.lease !== null && grant.lease.untilMs > storeNowMs;
  return reasonToWait(engine, grant, underWay ? null : grant.intent, storeNowMs);
}

function flightFor(engine: Engine, { grant }: CurrentGrant, ask: FlightAsk): Promise<FlightResult> {
  const { door = "get-access-token", target } = ask;
  const { result, started } = joinFlight(engine.shared.flights, grant.id, () =>
    attemptRefresh(engine, { seen: grant, door, target }),
  );
  if (started) engine.background(result);
  return result;
}

/** The token set of a reading. Throws `StoreFailedError` if it does not open. */
export function opened(current: CurrentGrant): TokenSet {
  const tokenSet = current.tokenSet();
  if (tokenSet === undefined) throw unopenable(grantRefOf(current.grant.id));
  return tokenSet;
}

/** A refresh did not help in time: what is left is the token in hand, if it still lives and the caller set no minimum. */
function lastResort(engine: Engine, current: CurrentGrant, ask: TokenAsk, code: string): IssuedToken {
  const { grant } = current;
  const remainingMs = (grant.accessTokenExpiresAtMs ?? Number.POSITIVE_INFINITY) - engine.clock.nowMs();
  if (remainingMs > 0 && ask.minValidityMs === undefined) return issue(grant, opened(current));
  if (current.stale)
    throw new StoreFailedError("The grant store is away, and the last access token has too little life left");
  throw new RefreshUnavailableError(grantRefOf(grant.id), ask.mayRefresh === false ? "prefetch" : code);
}

/** As {@link lastResort}, after a wait in which the user may have signed out and somebody else may have refreshed. */
async function lastResortAfterWait(
  engine: Engine,
  id: string,
  ask: TokenAsk,
  code: string,
): Promise<IssuedToken> {
  const { wanted, decision } = await readFor(engine, id, ask);
  if (isEnough(decision)) return issue(wanted.grant, opened(wanted));
  assertReachable(wanted.grant, ask);
  return lastResort(engine, wanted, ask, code);
}

/**
 * A minimum that no token of this grant can meet, or only one that was issued a moment ago: say so at once instead of
 * refreshing for every caller (F27, F38, I10).
 */
function assertReachable(grant: GrantRecord, { minValidityMs }: TokenAsk): void {
  if (minValidityMs === undefined || grant.accessTokenExpiresAtMs === null) return;
  const lifetimeMs = grant.accessTokenExpiresAtMs - grant.accessTokenIssuedAtMs;
  // There is none for this target yet: what its life is like will be known with the first.
  if (lifetimeMs <= 0) return;
  const reachableMs = lifetimeMs - Math.min(MAX_MARGIN_MS, lifetimeMs / 4);
  if (minValidityMs > reachableMs) {
    throw new InvalidOptionError(
      "minValidityMs",
      `must be at most ${reachableMs} for this token, which the authorization server lets live ${lifetimeMs} ms, or every call would refresh it; got ${minValidityMs}. Ask for less, or have the server issue longer tokens`,
    );
  }
}

function issue(grant: GrantRecord, tokenSet: TokenSet): IssuedToken {
  return {
    accessToken: tokenSet.accessToken,
    tokenType: tokenSet.tokenType,
    provider: grant.provider,
    version: grant.version,
    grantRef: grantRefOf(grant.id),
    ...(tokenSet.expiresAtMs !== undefined && { expiresAtMs: tokenSet.expiresAtMs }),
    ...(tokenSet.scope !== undefined && { scope: tokenSet.scope }),
    ...(tokenSet.extra !== undefined && { extra: tokenSet.extra }),
  };
}
