/**
 * Finds out how an authorization server rotates, by doing on purpose what must never happen to a user: it sends refresh
 * tokens again that were used before.
 *
 * **It ends grants.** Use it against a test tenant, with test users, never with anybody's real sign-in: a strict server
 * takes each probe for theft, and may end every session of the user.
 *
 * ```ts
 * const found = await probeRotation({
 *   testTenant: true,
 *   tokenEndpoint: "https://login.test.example/oauth2/token",
 *   client: { id: "probe", secret: process.env.PROBE_SECRET },
 *   newGrant: async () => ({ refreshToken: await signInTestUser() }),
 * });
 * // providers: { mine: { rotation: found.rotation } }
 * ```
 *
 * @module
 */
import { systemClock, type Clock } from "../core/clock.ts";
import { InvalidOptionError } from "../core/errors.ts";
import type { RotationClass, RotationPolicy } from "../core/rotation.ts";
import { createProbeLog, PROBE_STOPPED, type ProbeEvidence, type ProbeLog } from "./probe-log.ts";
import { probeRefreshOf, type ProbeServerOptions } from "./probe-server.ts";
import { measureWindow } from "./probe-window.ts";

/** What {@link probeRotation} is given. */
export interface ProbeRotationOptions extends ProbeServerOptions {
  /** Says that the grants that the probe gets may end. */
  readonly testTenant: true;
  /**
   * Signs a test user in and returns the refresh token. Each call has to begin a new grant, and a new session at the
   * server where that ends sessions. Called at most {@link MAX_PROBE_GRANTS} times.
   */
  readonly newGrant: () => Promise<{ readonly refreshToken: string }>;
  /** Whether an access token still works, by introspection or userinfo. @defaultValue it is not looked at */
  readonly accessTokenWorks?: (accessToken: string) => Promise<boolean>;
  /**
   * How long after its first use a refresh token is sent again, in milliseconds, ascending, one grant each.
   * @defaultValue 1 s, 5 s, 10 s, 20 s, 30 s, 60 s, 2 min, 5 min and 11 min: the probe takes so long
   */
  readonly waitsMs?: readonly number[];
  /** @defaultValue the system's clock */
  readonly clock?: Clock;
}

/** What a probe found. Holds no token. */
export interface RotationFinding {
  readonly class: RotationClass;
  /** False: the server could not be judged (see `evidence`), and `class` is the safe default, `strict`. */
  readonly conclusive: boolean;
  /** How long the old refresh token helped: still after `atLeast`, no more after `lessThan`, in milliseconds. */
  readonly graceMs: { readonly atLeast: number; readonly lessThan: number };
  /** Whether a refresh killed the access token before it; absent where nobody could tell. */
  readonly accessTokensDie?: boolean;
  /** The same for `providers.<id>.rotation`, with the window that was seen to work. */
  readonly rotation: RotationPolicy;
  /** How many grants were spent. */
  readonly grants: number;
  readonly evidence: readonly ProbeEvidence[];
  /** What the probe cannot see. */
  readonly warnings: readonly string[];
}

/** The most grants that a probe spends. */
export const MAX_PROBE_GRANTS = 40;
const MAX_WAITS = 20;
const DEFAULT_WAITS_MS = [1_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 660_000];
/** An old refresh token that works for longer than any known window counts as one that stays valid. */
const OVERLAPPING_AFTER_MS = 660_000;
/** A shorter window cannot be used: `providers.<id>.rotation` refuses it. */
const USABLE_GRACE_MS = 1_000;

/**
 * Probes a server. **Ends grants: test tenants only.** Rejects with `InvalidOptionError` for options that make no sense,
 * and with what `newGrant` or `accessTokenWorks` throw; whatever the server does is a finding.
 */
export async function probeRotation(options: ProbeRotationOptions): Promise<RotationFinding> {
  const { clock = systemClock, newGrant, accessTokenWorks, waitsMs = DEFAULT_WAITS_MS } = options;
  checkOptions(options, waitsMs);
  const log = createProbeLog(probeRefreshOf(options, clock), newGrant, MAX_PROBE_GRANTS);
  try {
    const accessTokensDie = accessTokenWorks && (await probeAccessTokens(log, accessTokenWorks));
    const found = await probeClass(log, clock, waitsMs);
    return findingOf(log, found, true, accessTokensDie);
  } catch (error) {
    if (error !== PROBE_STOPPED) throw error;
    return findingOf(log, STRICT, false, undefined);
  }
}

interface Found {
  readonly class: RotationClass;
  readonly atLeastMs: number;
  readonly lessThanMs: number;
  readonly warnings: readonly string[];
}

const STRICT: Found = { class: "strict", atLeastMs: 0, lessThanMs: 0, warnings: [] };

async function probeClass(log: ProbeLog, clock: Clock, waitsMs: readonly number[]): Promise<Found> {
  const grant = await log.begin("rotates");
  const first = await grant.mustRefresh("first use", grant.refreshToken);
  if (first.refreshToken === undefined || first.refreshToken === grant.refreshToken) {
    await grant.mustRefresh("second use of the same", grant.refreshToken);
    return {
      ...STRICT,
      class: "none",
      lessThanMs: Number.POSITIVE_INFINITY,
      warnings: [
        "The server did not rotate a young refresh token. Some rotate only old ones (Kakao, authentik, oidc-provider and Logto do so): if its documentation says that, keep class strict.",
      ],
    };
  }
  const again = await grant.refresh("used again at once", grant.refreshToken);
  if (again.kind !== "tokens") {
    const family = await grant.refresh("first successor, after that", first.refreshToken);
    log.note(
      family.kind === "tokens"
        ? "a second use is refused, nothing more (P5)"
        : "a second use ends the grant (P6)",
    );
    return STRICT;
  }
  const named = await probeSuccessors(log, first.refreshToken, again.refreshToken, grant.refresh);
  if (named === "strict") return STRICT;
  const window = await measureWindow(log, clock, waitsMs);
  const endless = window.lessThanMs === Number.POSITIVE_INFINITY;
  if (named === "grace" && endless && window.atLeastMs >= OVERLAPPING_AFTER_MS)
    return { class: "overlapping", ...window, warnings: [] };
  const usable = window.atLeastMs >= USABLE_GRACE_MS;
  return {
    class: usable ? named : "strict",
    ...window,
    warnings: [
      ...(usable ? [] : ["The window is too short to count on: class strict is the right one."]),
      ...(endless
        ? [
            `The old refresh token still worked after the longest wait: the window may be longer than ${window.atLeastMs} ms.`,
          ]
        : []),
    ],
  };
}

/** What two uses of one refresh token brought: the same successor, two that live, or one that replaced the other. */
async function probeSuccessors(
  log: ProbeLog,
  first: string,
  second: string | undefined,
  refresh: (what: string, refreshToken: string) => Promise<{ readonly kind: string }>,
): Promise<"idempotent" | "grace" | "last_wins" | "strict"> {
  if (second === undefined) {
    log.note("the second use brought no refresh token: a lost one stays lost");
    return "strict";
  }
  if (second === first) return "idempotent";
  const older = await refresh("first successor", first);
  if (older.kind === "tokens") return "grace";
  // The refused use may have ended everything, so the second successor is tried in a grant of its own.
  const other = await log.begin("last wins");
  await other.mustRefresh("first use", other.refreshToken);
  const repeated = await other.mustRefresh("used again at once", other.refreshToken);
  const newest =
    repeated.refreshToken &&
    (await other.refresh("second successor", repeated.refreshToken)).kind === "tokens";
  return newest === true ? "last_wins" : "strict";
}

async function probeAccessTokens(
  log: ProbeLog,
  works: NonNullable<ProbeRotationOptions["accessTokenWorks"]>,
): Promise<boolean | undefined> {
  const grant = await log.begin("access tokens");
  const first = await grant.mustRefresh("first use", grant.refreshToken);
  if (!(await works(first.accessToken))) {
    log.note("accessTokenWorks said no of a token that was just issued: nothing is known of older ones");
    return undefined;
  }
  await grant.mustRefresh("second refresh", first.refreshToken ?? grant.refreshToken);
  const dies = !(await works(first.accessToken));
  log.note(
    dies
      ? "the access token before a refresh is dead after it"
      : "the access token before a refresh lives on",
  );
  return dies;
}

function findingOf(
  log: ProbeLog,
  found: Found,
  conclusive: boolean,
  accessTokensDie: boolean | undefined,
): RotationFinding {
  const windowed = found.class === "idempotent" || found.class === "grace" || found.class === "last_wins";
  const dies = accessTokensDie === undefined ? {} : { accessTokensDie };
  return {
    class: found.class,
    conclusive,
    graceMs: { atLeast: found.atLeastMs, lessThan: found.lessThanMs },
    ...dies,
    rotation: { class: found.class, graceMs: windowed ? found.atLeastMs : 0, ...dies },
    grants: log.grants(),
    evidence: log.evidence,
    warnings: found.warnings,
  };
}

function checkOptions(options: ProbeRotationOptions, waitsMs: readonly number[]): void {
  if ((options as { testTenant?: unknown }).testTenant !== true) {
    throw new InvalidOptionError(
      "testTenant",
      "must be true: the probe ends the grants that it gets, and may end every session of the user, so it is for test tenants only",
    );
  }
  if (typeof (options as { newGrant?: unknown }).newGrant !== "function") {
    throw new InvalidOptionError(
      "newGrant",
      "must be a function that signs a test user in and returns { refreshToken }",
    );
  }
  const ascending = waitsMs.every(
    (waitMs, index) => Number.isFinite(waitMs) && waitMs > (waitsMs[index - 1] ?? 0),
  );
  if (waitsMs.length === 0 || waitsMs.length > MAX_WAITS || !ascending) {
    throw new InvalidOptionError(
      "waitsMs",
      `must be 1 to ${MAX_WAITS} waits in milliseconds, each longer than the one before, such as [1_000, 10_000]; got ${JSON.stringify(waitsMs).slice(0, 100)}`,
    );
  }
}
