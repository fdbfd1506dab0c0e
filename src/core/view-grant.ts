/**
 * What a session read reports about a grant: how long its token lives, when an idle tab should ask again, and whether
 * only a new sign-in helps.
 *
 * @module
 */
import { decide, isRefreshable, timingOfGrant } from "./decide.ts";
import type { Engine } from "./engine.ts";
import type { ReauthenticationReason } from "./errors.ts";
import { grantRefOf, type GrantRecord } from "./grant.ts";
import { isWorthRefreshing, refreshInBackground, refreshWithin } from "./obtain-token.ts";
import { readGrant, type CurrentGrant } from "./read-grant.ts";
import { withTimeLimit } from "./time-limit.ts";

/** How a session read wants the grant. */
export interface ViewAsk {
  /** True: wait for a refresh that is due, and report the new expiry (the session route). @defaultValue false */
  readonly wait?: boolean;
  /** How long to wait, in milliseconds. @defaultValue 5_000 */
  readonly maxWaitMs?: number;
  /** False: report only, start nothing (a prefetch). @defaultValue true */
  readonly mayRefresh?: boolean;
  /** Whether the access token is wanted too. @defaultValue false */
  readonly withAccessToken?: boolean;
  /** Who asks, for events. @defaultValue "session" */
  readonly door?: string;
}

/** A grant as a session read reports it. */
export type GrantView =
  | {
      readonly status: "fresh" | "retrying";
      /** Prefix of the grant's keyed hash. */
      readonly grantRef: string;
      /** Expiry in epoch milliseconds; absent where the token has no known end. */
      readonly expiresAtMs?: number;
      /** Life left, in milliseconds. */
      readonly expiresInMs?: number;
      /** When an idle tab should ask, in milliseconds from now; absent where the token has no known end. */
      readonly askInMs?: number;
      /**
       * How long until the sign-in ends whatever anybody does, in milliseconds; absent where that is not known, or further
       * away than {@link MAX_TOLD_END_MS}.
       */
      readonly endsInMs?: number;
      readonly accessToken?: string;
    }
  | { readonly status: "ended"; readonly grantRef: string; readonly reason: ReauthenticationReason };

/** The shortest time after which a tab is asked to come again, and the longest while a refresh keeps failing. */
const MIN_ASK_MS = 1_000;
const MAX_RETRY_ASK_MS = 30_000;

/** The furthest end of a sign-in that is told, in milliseconds: 24 days. A browser's timer counts no further. */
export const MAX_TOLD_END_MS: number = 24 * 24 * 3_600_000;

/** See `TokenManager.view`. */
export async function viewGrant(engine: Engine, id: string, ask: ViewAsk): Promise<GrantView> {
  const grantRef = grantRefOf(id);
  const door = ask.door ?? "session";
  let current = await readGrant(engine, id);
  if (current === undefined) return { status: "ended", grantRef, reason: "missing" };
  let retryInMs: number | undefined;
  const decision = decide(current.grant, engine.clock.nowMs(), engine.timing);
  if (decision.kind === "ended") return { status: "ended", grantRef, reason: decision.reason };
  slide(engine, current);
  const worthWaiting = decision.kind !== "fresh";
  if (
    ask.mayRefresh !== false &&
    !current.stale &&
    (worthWaiting || isWorthRefreshing(engine, current, decision))
  ) {
    if (ask.wait === true && worthWaiting) {
      const due = current;
      const result = await withTimeLimit(engine.clock, ask.maxWaitMs ?? engine.limits.maxWaitMs, (limit) =>
        refreshWithin(engine, due, limit, { door }),
      );
      if (result.kind === "ended") return { status: "ended", grantRef, reason: result.reason };
      if (result.kind === "failed") retryInMs = result.retryInMs;
      current = (await readGrant(engine, id)) ?? current;
    } else {
      refreshInBackground(engine, current, { door });
    }
  }
  return report(engine, current, ask, retryInMs);
}

function report(
  engine: Engine,
  current: CurrentGrant,
  ask: ViewAsk,
  retryInMs: number | undefined,
): GrantView {
  const { grant } = current;
  const nowMs = engine.clock.nowMs();
  const grantRef = grantRefOf(grant.id);
  const decision = decide(grant, nowMs, engine.timing);
  if (decision.kind === "ended") return { status: "ended", grantRef, reason: decision.reason };
  const accessToken =
    ask.withAccessToken === true && decision.kind !== "expired" ? current.tokenSet()?.accessToken : undefined;
  const timing = timingOfGrant(grant, engine.timing);
  const failing = retryInMs !== undefined || current.stale;
  const endsInMs = endOf(grant, nowMs) - nowMs;
  return {
    status: failing || decision.kind === "expired" ? "retrying" : "fresh",
    grantRef,
    ...(accessToken !== undefined && { accessToken }),
    ...(endsInMs <= MAX_TOLD_END_MS && { endsInMs: Math.max(0, endsInMs) }),
    ...(timing !== undefined &&
      expiryOf(grant, nowMs, timing.idleLeadTimeMs, failing ? (retryInMs ?? 0) : undefined)),
  };
}

function expiryOf(
  grant: GrantRecord,
  nowMs: number,
  idleLeadTimeMs: number,
  retryInMs: number | undefined,
): { expiresAtMs: number; expiresInMs: number; askInMs: number } {
  const expiresAtMs = grant.accessTokenExpiresAtMs ?? nowMs;
  // Where nothing can be refreshed the next news is the token's end: to ask sooner would bring the same answer (F33).
  const leadMs = isRefreshable(grant, nowMs) ? idleLeadTimeMs : 0;
  const askInMs =
    retryInMs === undefined ? expiresAtMs - leadMs - nowMs : Math.min(retryInMs, MAX_RETRY_ASK_MS);
  return {
    expiresAtMs,
    expiresInMs: Math.max(0, expiresAtMs - nowMs),
    askInMs: Math.max(MIN_ASK_MS, Math.round(askInMs)),
  };
}

/**
 * When the sign-in ends as far as can be known now (F28), in epoch milliseconds; `Infinity`: no end is known. The next
 * refresh may bring a refresh token that lives longer. The last access token is good until its own end.
 */
function endOf(grant: GrantRecord, nowMs: number): number {
  const refreshableUntilMs = isRefreshable(grant, nowMs)
    ? (grant.refreshTokenExpiresAtMs ?? Number.POSITIVE_INFINITY)
    : 0;
  const tokensEndMs = Math.max(refreshableUntilMs, grant.accessTokenExpiresAtMs ?? Number.POSITIVE_INFINITY);
  return Math.min(grant.absoluteEndMs, tokensEndMs);
}

/** A session read past the half of the sliding lifetime moves its end; nobody waits for that write. */
function slide(engine: Engine, { grant, stale }: CurrentGrant): void {
  const { clock, limits, store } = engine;
  const nowMs = clock.nowMs();
  if (stale || grant.slidingEndMs >= grant.absoluteEndMs) return;
  if (grant.slidingEndMs - nowMs > limits.slidingLifetimeMs / 2) return;
  engine.background(store.slide(grant.id, nowMs + limits.slidingLifetimeMs));
}
