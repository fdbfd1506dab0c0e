/**
 * Renews the access token in hand on request, such as after a role or scope change: once, however many callers ask at the
 * same time, and not if it was issued a moment ago.
 *
 * Whoever finds another token than the one it began with is content with that: somebody else has renewed it.
 *
 * @module
 */
import { isRefreshable } from "./decide.ts";
import type { Engine } from "./engine.ts";
import { ReauthenticationRequiredError, RefreshUnavailableError, StoreFailedError } from "./errors.ts";
import { grantRefOf } from "./grant.ts";
import { checkDuration } from "./lead-time.ts";
import {
  mayStartOver,
  MAX_ROUNDS,
  obtainToken,
  opened,
  readFor,
  refreshWithin,
  type IssuedToken,
  type TokenAsk,
} from "./obtain-token.ts";
import { isTooYoung } from "./renew-rejected.ts";
import { withTimeLimit, type TimeLimit } from "./time-limit.ts";

/** See `TokenManager.renewToken`. */
export async function renewToken(engine: Engine, id: string, ask: TokenAsk): Promise<IssuedToken> {
  checkDuration("minValidityMs", ask.minValidityMs, 0);
  checkDuration("maxWaitMs", ask.maxWaitMs, 0);
  const maxWaitMs = ask.maxWaitMs ?? engine.limits.maxWaitMs;
  return withTimeLimit(engine.clock, maxWaitMs, (limit) => renewWithin(engine, id, ask, limit));
}

async function renewWithin(
  engine: Engine,
  id: string,
  ask: TokenAsk,
  limit: TimeLimit,
): Promise<IssuedToken> {
  const grantRef = grantRefOf(id);
  const obtain = (): Promise<IssuedToken> => obtainToken(engine, id, { ...ask, maxWaitMs: limit.leftMs() });
  if (ask.mayRefresh === false) return obtain();
  let inHand: string | undefined;
  let isDone = false;
  for (let round = 1; round <= MAX_ROUNDS; round++) {
    const { current, wanted } = await readFor(engine, id, ask);
    const { accessToken } = opened(wanted);
    inHand ??= accessToken;
    // What the server issues twice in a row, it would issue a third time.
    if (isDone || accessToken !== inHand || isTooYoung(engine, wanted.grant)) return obtain();
    if (current.stale)
      throw new StoreFailedError("The grant store is away, so the access token cannot be renewed now");
    if (!isRefreshable(current.grant, engine.clock.nowMs()))
      throw new ReauthenticationRequiredError(grantRef, "no_refresh_token");
    const result = await refreshWithin(engine, current, limit, { door: "renew", ...ask });
    if (result.kind === "ended") throw new ReauthenticationRequiredError(grantRef, result.reason);
    if (result.kind === "failed") {
      if (limit.isOver() || result.retryInMs >= limit.leftMs())
        throw new RefreshUnavailableError(grantRef, result.code);
      await Promise.race([engine.clock.sleep(result.retryInMs), limit.passed]);
    }
    isDone = result.kind === "refreshed" && !mayStartOver(result, ask);
  }
  throw new RefreshUnavailableError(grantRef, "waiting");
}
