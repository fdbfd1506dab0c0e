/**
 * Renews an access token that an API has rejected: at most once per rejected token, whoever asks how often.
 *
 * @module
 */
import { isRefreshable } from "./decide.ts";
import type { Engine } from "./engine.ts";
import type { GrantRecord } from "./grant.ts";
import {
  currentFor,
  mayStartOver,
  MAX_ROUNDS,
  obtainToken,
  opened,
  refreshWithin,
  type IssuedToken,
  type TokenAsk,
} from "./obtain-token.ts";
import { readGrant } from "./read-grant.ts";
import { withTimeLimit, type TimeLimit } from "./time-limit.ts";

/** See `TokenManager.renewRejected`. */
export async function renewRejected(
  engine: Engine,
  id: string,
  rejectedAccessToken: string,
  ask: TokenAsk,
): Promise<IssuedToken | undefined> {
  const maxWaitMs = ask.maxWaitMs ?? engine.limits.maxWaitMs;
  return withTimeLimit(engine.clock, maxWaitMs, (limit) =>
    renewWithin(engine, id, rejectedAccessToken, ask, limit),
  );
}

async function renewWithin(
  engine: Engine,
  id: string,
  rejectedAccessToken: string,
  ask: TokenAsk,
  limit: TimeLimit,
): Promise<IssuedToken | undefined> {
  let refreshed = false;
  for (let round = 1; round <= MAX_ROUNDS; round++) {
    const current = await readGrant(engine, id);
    if (current === undefined || current.stale || current.grant.state === "ended") return undefined;
    const wanted = currentFor(current, ask.target);
    if (opened(wanted).accessToken !== rejectedAccessToken)
      return obtainToken(engine, id, { ...ask, maxWaitMs: limit.leftMs() });
    const hopeless = !isRefreshable(current.grant, engine.clock.nowMs()) || isTooYoung(engine, wanted.grant);
    if (refreshed || hopeless) return undefined;
    const result = await refreshWithin(engine, current, limit, { door: "fetch", ...ask });
    if (result.kind === "failed" || result.kind === "ended") return undefined;
    refreshed = !mayStartOver(result, ask);
  }
  return undefined;
}

/**
 * An API that rejects a token which has just been issued would reject the next one too (SEC-71). A token from the
 * future was issued before the clock was set back; then the rejection weighs more than the clock (F26).
 */
export function isTooYoung({ clock, limits }: Engine, grant: GrantRecord): boolean {
  const lifetimeMs = (grant.accessTokenExpiresAtMs ?? Number.POSITIVE_INFINITY) - grant.accessTokenIssuedAtMs;
  const ageMs = clock.nowMs() - grant.accessTokenIssuedAtMs;
  return Math.abs(ageMs) < Math.min(limits.minForcedAgeMs, lifetimeMs / 4);
}
