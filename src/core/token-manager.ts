/**
 * The engine: decides, for one grant at a time, whether to hand out the stored access token, refresh it, wait for
 * whoever is refreshing it, or give up.
 *
 * Three guards stand in a row, cheapest first:
 *
 * 1. single flight - callers in this process share one refresh per grant;
 * 2. lease - processes that share a store take turns;
 * 3. version - a writer that lost its lease cannot overwrite a newer token.
 *
 * Time, chance, storage and HTTP all arrive through {@link TokenManagerOptions}, so nothing in `src/core` has a side
 * effect of its own.
 *
 * @module
 */
import { boundedStore } from "./bounded-store.ts";
import { systemClock, type Clock } from "./clock.ts";
import { decide } from "./decide.ts";
import { DEFAULT_LIMITS, settled, type Engine, type Limits } from "./engine.ts";
import { endGrant, endGrants, type EndOptions } from "./end-grant.ts";
import type { ReauthenticationReason } from "./errors.ts";
import { safeListener, type TokenEventListener } from "./events.ts";
import { findGrants, type FindOptions } from "./find-grants.ts";
import { grantRefOf, type EndReason, type GrantRecord, type NewGrant } from "./grant.ts";
import type { GrantSelector, GrantStore } from "./grant-store.ts";
import { createHeldWork, type Background, type HeldWork } from "./held-work.ts";
import { checkDuration, checkTimingOptions, type TimingOptions } from "./lead-time.ts";
import { obtainToken, opened, type IssuedToken, type TokenAsk } from "./obtain-token.ts";
import { readGrant, type CurrentGrant } from "./read-grant.ts";
import { renewRejected } from "./renew-rejected.ts";
import { renewToken } from "./renew-token.ts";
import { handOver, land, offerPending } from "./landing.ts";
import type { Refresher } from "./refresher.ts";
import { resealGrants, type ResealReport } from "./reseal-grants.ts";
import { STRICT_ROTATION, type RotationPolicy } from "./rotation.ts";
import { sealTokens } from "./seal-tokens.ts";
import type { Sealer } from "./sealer.ts";
import { createSharedState, type SharedState } from "./single-flight.ts";
import { beginUse, finishUse, type SingleUse, type UseAnswer } from "./single-use.ts";
import { tellReauthentication, tellRejection } from "./tell-reauthentication.ts";
import type { TokenSet, TokenUser } from "./token-set.ts";
import { viewGrant, type GrantView, type ViewAsk } from "./view-grant.ts";

/** What {@link createTokenManager} is built from. */
export interface TokenManagerOptions extends TimingOptions, Partial<Limits> {
  readonly store: GrantStore;
  readonly sealer: Sealer;
  readonly refresher: Refresher;
  /** Names this process in leases; unique among all processes that share the store. */
  readonly holder: string;
  /** Makes names for attempts, unique in all processes. */
  readonly newId: () => string;
  /** @defaultValue the real clock */
  readonly clock?: Clock;
  /** A number in [0, 1), for jitter only. */
  readonly random: () => number;
  /** @defaultValue a state of its own; the adapter passes the one of the process */
  readonly shared?: SharedState;
  /**
   * Takes work that nobody waits for. Must not throw; the task never rejects. Returns a promise where the host may freeze
   * the process after the response and nothing else can keep it awake: the call that began the work then ends after it.
   * @defaultValue the work runs detached
   */
  readonly background?: Background;
  /** How the authorization server of a grant rotates refresh tokens. @defaultValue strictly */
  readonly rotationOf?: (grant: GrantRecord) => RotationPolicy;
  readonly onEvent?: TokenEventListener;
}

/** A grant to store, with its tokens in plain. */
export interface GrantInput extends Omit<
  NewGrant,
  keyof ReturnType<typeof sealTokens> | "absoluteEndMs" | "slidingEndMs"
> {
  readonly tokenSet: TokenSet;
  /** True: taken over from the session of a hand-written recipe. */
  readonly adopted?: boolean;
}

/** Keeps grants fresh. Every method settles within the limits it was built with. */
export interface TokenManager {
  /** Stores a grant. False if its id is taken, ended grants included. Rejects with `StoreFailedError`. */
  saveGrant(input: GrantInput): Promise<boolean>;
  /**
   * Returns an access token with at least `minValidityMs` of life, refreshing it first where that is needed, and in
   * the background where it is merely due.
   *
   * Rejects with `ReauthenticationRequiredError`, `RefreshUnavailableError`, `StoreFailedError` or, if only a token
   * that was issued a moment ago could live that long, or none at all, `InvalidOptionError`.
   */
  getAccessToken(grantId: string, ask?: TokenAsk): Promise<IssuedToken>;
  /**
   * For an access token that an API has rejected: returns a newer one, refreshing at most once per rejected token.
   * `undefined` if the token is too young to be renewed or nothing newer can be had.
   */
  renewRejected(
    grantId: string,
    rejectedAccessToken: string,
    ask?: TokenAsk,
  ): Promise<IssuedToken | undefined>;
  /**
   * Renews the access token in hand and returns the new one, once for all who ask at the same time; one that is too young
   * for it (`minForcedAgeMs`) is returned as it is, and so is any where `mayRefresh` is false.
   *
   * Rejects as {@link TokenManager.getAccessToken} does, also where the token in hand would do: the caller wants another.
   */
  renewToken(grantId: string, ask?: TokenAsk): Promise<IssuedToken>;
  /**
   * A grant as it is stored, ended ones included; `undefined` if there is none. Asked for nobody, so nothing is told of it.
   * Rejects with `StoreFailedError` only.
   */
  grantOf(grantId: string): Promise<GrantRecord | undefined>;
  /** Why a grant gives no token any more; `undefined` while it does. As {@link TokenManager.grantOf}, nothing is told of it. */
  endReasonOf(grantId: string): Promise<ReauthenticationReason | undefined>;
  /**
   * The grants that match: those that are live in the store, newest first, or the ended, the latest end first. Among the
   * live ones may be some that are over all the same: by their date, or, shown as ended, by an end that the store has not
   * taken yet. Nothing is told of them. Rejects with `StoreFailedError` only.
   */
  findGrants(selector: GrantSelector, options?: FindOptions): Promise<readonly GrantRecord[]>;
  /** What a session read reports. Rejects with `StoreFailedError` only. */
  view(grantId: string, ask?: ViewAsk): Promise<GrantView>;
  /** Leaves a tombstone, durable when this resolves; revokes in the background. Rejects with `StoreFailedError`. */
  endGrant(grantId: string, reason: EndReason, options: EndOptions): Promise<boolean>;
  /**
   * {@link TokenManager.endGrant} for every live grant that matches, and that `only` is true of; then at most 10,000.
   * Returns how many.
   */
  endGrants(selector: GrantSelector, reason: EndReason, options: EndOptions): Promise<number>;
  /**
   * Whose grant a live one is, as its sign-in said; `undefined` where it did not, or where there is none. Rejects with
   * `StoreFailedError`, also where the grant does not open.
   */
  userOf(grantId: string): Promise<TokenUser | undefined>;
  /** The last ID token of a live grant; `undefined` where there is none. Rejects with `StoreFailedError`. */
  idTokenOf(grantId: string): Promise<string | undefined>;
  /** Begins something that may be done once in all processes. Rejects with `StoreFailedError`. */
  beginUse(use: SingleUse): Promise<UseAnswer>;
  /** Notes that it is done: whoever begins it later is told `used`. Rejects with `StoreFailedError`. */
  finishUse(use: SingleUse): Promise<void>;
  /**
   * Seals everything that is stored with the newest key, while the application runs, and finishes what ends have left.
   * Rejects with `StoreFailedError`; started again, it goes on with what is left.
   */
  resealGrants(): Promise<ResealReport>;
  /**
   * Waits for the refreshes and revocations under way and for what the store has not taken yet, which is offered to it
   * until then, at most `timeoutMs` (10 s by default); what is still out then is handed over to the other processes. Then
   * nothing is sent any more, and the store is closed. Tokens that are still good are served as long as it can be read.
   */
  close(timeoutMs?: number): Promise<void>;
}

/**
 * Builds the engine. Has no effect beyond that.
 *
 * @throws {@link InvalidOptionError} for a limit or lead time that makes no sense.
 */
export function createTokenManager(options: TokenManagerOptions): TokenManager {
  const { engine, during, finished, closed } = createEngine(options);
  return {
    saveGrant: (input) => saveGrant(engine, input),
    getAccessToken: (grantId, ask = {}) =>
      during(() => tellRejection(engine, grantId, obtainToken(engine, grantId, ask))),
    renewRejected: (grantId, rejected, ask = {}) =>
      during(() => tellRejection(engine, grantId, renewRejected(engine, grantId, rejected, ask))),
    renewToken: (grantId, ask = {}) =>
      during(() => tellRejection(engine, grantId, renewToken(engine, grantId, ask))),
    grantOf: (grantId) => during(async () => (await readGrant(engine, grantId))?.grant),
    findGrants: (selector, findOptions) => during(() => findGrants(engine, selector, findOptions)),
    endReasonOf: (grantId) => during(() => endReasonOf(engine, grantId)),
    view: (grantId, ask = {}) =>
      during(async () => {
        const view = await viewGrant(engine, grantId, ask);
        if (view.status === "ended") tellReauthentication(engine, grantId, view.reason);
        return view;
      }),
    endGrant: (grantId, reason, endOptions) => during(() => endGrant(engine, grantId, reason, endOptions)),
    endGrants: (selector, reason, endOptions) =>
      during(() => endGrants(engine, selector, reason, endOptions)),
    async userOf(grantId) {
      const live = await liveGrantOf(engine, grantId);
      return live && opened(live).user;
    },
    idTokenOf: async (grantId) => (await liveGrantOf(engine, grantId))?.tokenSet()?.idToken,
    beginUse: (use) => beginUse(engine, use),
    finishUse: (use) => finishUse(engine, use),
    resealGrants: () => resealGrants(engine),
    async close(timeoutMs = 10_000) {
      const timer = new AbortController();
      const landed = land(engine, timer.signal).then(async () => {
        closed();
        await finished();
        await offerPending(engine, timer.signal);
      });
      await Promise.race([landed, engine.clock.sleep(timeoutMs, timer.signal)]);
      timer.abort();
      closed();
      await handOver(engine);
      await settled(engine.store.close());
    },
  };
}

interface Built {
  readonly engine: Engine;
  readonly during: HeldWork["during"];
  readonly finished: HeldWork["finished"];
  readonly closed: () => void;
}

function createEngine(options: TokenManagerOptions): Built {
  const { leadTimeMs, idleLeadTimeMs, minValidityMs, clock = systemClock, onEvent } = options;
  const timing: TimingOptions = {
    ...(leadTimeMs !== undefined && { leadTimeMs }),
    ...(idleLeadTimeMs !== undefined && { idleLeadTimeMs }),
    ...(minValidityMs !== undefined && { minValidityMs }),
  };
  checkTimingOptions(timing);
  const limits = limitsFrom(options);
  const emit = safeListener(onEvent);
  const held = createHeldWork(options.background, clock);
  const closing = new AbortController();
  const storeTrouble: Engine["storeTrouble"] = {};
  const engine: Engine = {
    store: boundedStore(options.store, clock, limits.storeTimeoutMs, (operation) => {
      const atMs = clock.nowMs();
      storeTrouble.lastFailureMs = atMs;
      emit({ type: "store_failed", atMs, grantRef: "", provider: "", operation });
    }),
    sealer: options.sealer,
    refresher: options.refresher,
    clock,
    random: options.random,
    newId: options.newId,
    holder: options.holder,
    timing,
    limits,
    shared: options.shared ?? createSharedState(),
    emit,
    background: held.add,
    rotationOf: options.rotationOf ?? (() => STRICT_ROTATION),
    closing: closing.signal,
    storeTrouble,
    sending: new Map(),
  };
  return { engine, during: held.during, finished: held.finished, closed: () => closing.abort() };
}

function limitsFrom(options: Partial<Limits>): Limits {
  const limits: Record<string, number | undefined> = { ...DEFAULT_LIMITS };
  for (const name of Object.keys(DEFAULT_LIMITS) as (keyof Limits)[]) {
    const given = options[name];
    checkDuration(
      name,
      given,
      name === "maxWaitMs" || name === "staleIfStoreDownMs" || name === "minForcedAgeMs" ? 0 : 1,
    );
    if (given !== undefined) limits[name] = given;
  }
  return limits as unknown as Limits;
}

async function liveGrantOf(engine: Engine, grantId: string): Promise<CurrentGrant | undefined> {
  const current = await readGrant(engine, grantId);
  return current?.grant.state === "live" ? current : undefined;
}

async function endReasonOf(engine: Engine, grantId: string): Promise<ReauthenticationReason | undefined> {
  // What this process has been told to end has ended for it, whether or not the store can be read (SEC-13).
  const pending = engine.shared.pendingEnds.get(grantId)?.reason;
  if (pending !== undefined) return pending;
  const current = await readGrant(engine, grantId);
  if (current === undefined) return "missing";
  const decision = decide(current.grant, engine.clock.nowMs(), engine.timing);
  return decision.kind === "ended" ? decision.reason : undefined;
}

async function saveGrant(
  engine: Engine,
  { tokenSet, adopted = false, ...names }: GrantInput,
): Promise<boolean> {
  const { store, sealer, clock, limits, emit } = engine;
  const nowMs = clock.nowMs();
  const absoluteEndMs = nowMs + limits.absoluteLifetimeMs;
  const grant: NewGrant = {
    ...names,
    ...sealTokens(sealer, names.id, 1, tokenSet),
    absoluteEndMs,
    slidingEndMs: Math.min(nowMs + limits.slidingLifetimeMs, absoluteEndMs),
  };
  const inserted = await store.insert(grant);
  if (inserted) {
    const { provider, refreshable } = grant;
    emit({
      type: "grant_created",
      atMs: nowMs,
      grantRef: grantRefOf(grant.id),
      provider,
      adopted,
      refreshable,
    });
  }
  return inserted;
}
