/**
 * The {@link Refresher} for a backend with login and refresh endpoints of its own (NextAuth's Credentials provider):
 * the application makes the call, nolapse judges the answer by the same outcome table.
 *
 * **A missing expiry.** Nobody can renew a token in time whose end is not told. An answer without one is refused with
 * `missing_expiry`, unless it carries a refresh token: the old one may be spent, so dropping the answer would end the
 * session. Then the tokens are kept with the default lifetime, and the problem is reported once per refresher.
 *
 * @module
 */
import { systemClock, type Clock } from "../core/clock.ts";
import type { Refresher, RefreshOutcome, RefreshRequest, RevokeOutcome } from "../core/refresher.ts";
import { DEFAULT_LIFETIME_MS, epochMsFrom, lifetimeMsFrom } from "../core/token-set.ts";
import type { TokenTarget } from "../core/token-target.ts";
import { classify } from "./classify.ts";
import { jwtExp } from "./jwt-exp.ts";
import { DEFAULT_PROFILE } from "./provider-profile.ts";
import { isJsonObject, parseBody, type JsonObject, type RawAnswer } from "./raw-answer.ts";
import { discardBody, readBody } from "./read-body.ts";
import { isRefreshRejected, rejectionDetail } from "./refresh-rejected.ts";
import { SendAborted, untilAborted } from "./send.ts";

/** What an application's `refresh` and `revoke` functions are given. */
export interface CustomRefreshInput {
  readonly refreshToken: string;
  readonly accessToken: string;
  /**
   * What the access token is to be for, as `getAccessToken({ resource, audience, scope })` was asked. Absent: what the
   * sign-in asked for. A backend that has one kind of token only should throw here.
   */
  readonly target?: TokenTarget;
  /**
   * Pass it to `fetch`: it is aborted when even a late answer is of no use any more, a minute after the attempt's
   * deadline, and by nothing else. What comes before is kept.
   */
  readonly signal: AbortSignal;
  /**
   * Aborted at the attempt's deadline: send nothing from then on. For a function that has something to do before it sends.
   * Absent at a revocation.
   */
  readonly sendBy?: AbortSignal;
  /** The same for every request of this attempt; a backend may use it as an idempotency key. */
  readonly attemptId: string;
}

/**
 * What a `refresh` function returns: the backend's `Response`, unread, or its tokens in the names of OAuth or in camel
 * case. `expires_in` is in seconds; `expires_at`, `expiresAt` and `accessTokenExpires` are epoch seconds or milliseconds.
 */
export type CustomRefreshResult = Response | Readonly<Record<string, unknown>>;

/**
 * Sends one refresh request to the application's backend. Throw `RefreshRejected` when the refresh token is dead;
 * anything else that is thrown leaves the session alive, with the refresh token possibly spent.
 */
export type CustomRefresh = (input: CustomRefreshInput) => CustomRefreshResult | Promise<CustomRefreshResult>;

/** Tells the application's backend that the tokens are not needed any more. A throw, or a `Response` that is not ok, is a failure. */
export type CustomRevoke = (input: CustomRefreshInput) => unknown;

/** What {@link createCustomRefresher} is given. */
export interface CustomRefresherOptions {
  readonly refresh: CustomRefresh;
  /** @defaultValue nobody is told */
  readonly revoke?: CustomRevoke;
  /**
   * Where the expiry comes from if the answer tells none: `"jwt-exp"` reads `exp` of the access token, unverified. Only
   * for a backend whose access tokens are JWTs. @defaultValue nowhere
   */
  readonly expiryFrom?: "jwt-exp";
  /**
   * Statuses of a returned `Response` that mean what `RefreshRejected` means, such as `[401]`, for a backend that does
   * not answer with OAuth's `invalid_grant`. @defaultValue none
   */
  readonly rejectedStatuses?: readonly number[];
  /** The lifetime to assume where none is told, in milliseconds. @defaultValue 5 minutes */
  readonly defaultLifetimeMs?: number;
  /** Told once about an answer without an expiry. Never with a token. @defaultValue `console.error` */
  readonly onProblem?: (message: string) => void;
  /** @defaultValue the system's clock */
  readonly clock?: Clock;
}

/** The camel-case names that are understood, by the name that they stand for. */
const ALIASES: ReadonlyMap<string, readonly string[]> = new Map([
  ["access_token", ["accessToken"]],
  ["refresh_token", ["refreshToken"]],
  ["id_token", ["idToken"]],
  ["token_type", ["tokenType"]],
  ["expires_in", ["expiresIn"]],
  ["expires_at", ["expiresAt", "accessTokenExpires", "accessTokenExpiresAt"]],
  ["refresh_token_expires_in", ["refreshTokenExpiresIn"]],
]);
const ALL_ALIASES: ReadonlySet<string> = new Set([...ALIASES.values()].flat());

/** Makes a refresher of an application's own function. Neither of its methods rejects. */
export function createCustomRefresher(options: CustomRefresherOptions): Refresher {
  const { clock = systemClock, onProblem = (message: string) => console.error(message) } = options;
  let reported = false;

  function report(provider: string): void {
    if (reported) return;
    reported = true;
    onProblem(
      `nolapse: the refresh function of provider "${provider}" told no expiry (missing_expiry). The tokens were kept ` +
        `and count as good for ${(options.defaultLifetimeMs ?? DEFAULT_LIFETIME_MS) / 1000} s. Return "expires_in" ` +
        `(seconds) or "expires_at", or set expiryFrom: "jwt-exp" if the access token is a JWT.`,
    );
  }

  async function refresh(request: RefreshRequest): Promise<RefreshOutcome> {
    const input = inputOf(request);
    if (input === undefined) return { kind: "config", code: "no_refresh_token" };
    if ((request.sendBy ?? request.signal).aborted) return { kind: "not_sent", code: "timeout" };
    const requestedAtMs = clock.nowMs();
    try {
      const result = await untilAborted(
        call(() => options.refresh(input)),
        request.signal,
        letGo,
      );
      const answer = await answerOf(result, request.signal);
      if (options.rejectedStatuses?.includes(answer.status) === true)
        return { kind: "rejected", code: `http_${answer.status}` };
      return judge(answer, request, requestedAtMs);
    } catch (error) {
      return thrown(error, request);
    }
  }

  function judge(answer: RawAnswer, request: RefreshRequest, requestedAtMs: number): RefreshOutcome {
    const unwrap = (members: JsonObject): JsonObject => withExpiry(inOAuthNames(members), options.expiryFrom);
    const outcome = classify(answer, {
      profile: {
        ...DEFAULT_PROFILE,
        unwrap,
        ...(options.defaultLifetimeMs !== undefined && { defaultLifetimeMs: options.defaultLifetimeMs }),
      },
      clientId: request.clientId,
      previous: request.tokenSet,
      ...(request.target !== undefined && { target: request.target }),
      requestedAtMs,
      nowMs: clock.nowMs(),
    });
    const parsed = parseBody(answer);
    if (outcome.kind !== "committed" || parsed.kind !== "object") return outcome;
    const members = unwrap(parsed.members);
    if (tellsExpiry(members)) return outcome;
    if (typeof members["refresh_token"] !== "string") {
      return {
        kind: "config",
        code: "missing_expiry",
        detail: 'the refresh function returned no "expires_in"',
      };
    }
    report(request.provider);
    return outcome;
  }

  return { refresh, revoke: (request) => revoke(options, request) };
}

async function revoke(options: CustomRefresherOptions, request: RefreshRequest): Promise<RevokeOutcome> {
  const { revoke: tellBackend } = options;
  const input = inputOf(request);
  if (tellBackend === undefined || input === undefined) return "unsupported";
  try {
    const result = await untilAborted(
      call(() => tellBackend(input)),
      request.signal,
      letGo,
    );
    if (!isResponse(result)) return "revoked";
    discardBody(result);
    return result.ok ? "revoked" : "failed";
  } catch {
    return "failed";
  }
}

/** A `Response`, also of another realm or of a copy of undici that the application brings. */
function isResponse(value: unknown): value is Response {
  if (value instanceof Response) return true;
  const { status, headers, text } = (value ?? {}) as { status?: unknown; headers?: unknown; text?: unknown };
  return typeof status === "number" && typeof text === "function" && headers != null;
}

function inputOf(request: RefreshRequest): CustomRefreshInput | undefined {
  const { tokenSet, target, signal, sendBy, attemptId } = request;
  const { refreshToken, accessToken } = tokenSet;
  if (refreshToken === undefined) return undefined;
  return {
    ...{ refreshToken, accessToken, signal, attemptId },
    ...(sendBy !== undefined && { sendBy }),
    ...(target !== undefined && { target }),
  };
}

/** Calls the application, whose function may also throw at once. */
async function call<T>(work: () => T | Promise<T>): Promise<T> {
  return work();
}

function letGo(result: unknown): void {
  if (isResponse(result)) discardBody(result);
}

async function answerOf(result: CustomRefreshResult, signal: AbortSignal): Promise<RawAnswer> {
  if (isResponse(result)) {
    return { status: result.status, headers: result.headers, body: await readBody(result, { signal }) };
  }
  const text = isJsonObject(result) ? JSON.stringify(result) : "";
  return { status: 200, headers: new Headers(), body: { kind: "complete", text } };
}

function thrown(error: unknown, { tokenSet }: RefreshRequest): RefreshOutcome {
  if (error instanceof SendAborted) return { kind: "unknown", code: "timeout", answered: false };
  if (isRefreshRejected(error)) {
    const { accessToken, refreshToken = "", idToken = "" } = tokenSet;
    const detail = rejectionDetail(error, [accessToken, refreshToken, idToken]);
    return { kind: "rejected", code: error.code, ...(detail !== undefined && { detail }) };
  }
  // The message stays out: it is the application's, and may hold anything.
  return { kind: "unknown", code: "refresh_function_threw", answered: false };
}

function inOAuthNames(members: JsonObject): JsonObject {
  const renamed: Record<string, unknown> = Object.fromEntries(
    Object.entries(members).filter(([name]) => !ALL_ALIASES.has(name)),
  );
  for (const [name, aliases] of ALIASES) {
    renamed[name] ??= aliases.map((alias) => members[alias]).find((value) => value != null);
  }
  return renamed;
}

function withExpiry(members: JsonObject, expiryFrom: "jwt-exp" | undefined): JsonObject {
  const { access_token: accessToken } = members;
  if (expiryFrom !== "jwt-exp" || typeof accessToken !== "string" || tellsExpiry(members)) return members;
  return { ...members, expires_at: jwtExp(accessToken) };
}

function tellsExpiry({ expires_in, expires_at }: JsonObject): boolean {
  return lifetimeMsFrom(expires_in) !== undefined || epochMsFrom(expires_at) !== undefined;
}
