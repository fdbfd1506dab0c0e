/**
 * An authorization server that keeps the truth: which tokens live, which were spent and for what, and whose chain was
 * ended by a second use. It knows every class of rotation, P0 to P7.
 *
 * @module
 */
import type { TokenEndpointResponse } from "../src/core/token-set.ts";
import type { AsClass, Oddity } from "./fault-types.ts";
import type { JudgedRecord } from "./history.ts";

/** One chain of refresh tokens, and all access tokens issued with them. */
export interface Family {
  readonly id: string;
  readonly user: string;
  /** Why nothing of it is accepted any more. */
  ended: "alarm" | "revoked" | "signed_out" | undefined;
  issued: number;
}

interface RefreshTokenState {
  readonly family: Family;
  state: "live" | "spent" | "killed";
  spentAtMs: number;
  readonly successors: string[];
  /** The access token that was issued with it. */
  readonly accessToken: string;
}

interface AccessTokenState {
  readonly family: Family;
  readonly expiresAtMs: number;
  /** What it was asked for: one name for equal targets; `undefined`: what the sign-in asked for. */
  readonly target: string | undefined;
  revoked: boolean;
}

/** What else is in a request, or wrong with its answer. */
export interface Ask {
  readonly odd?: Oddity | undefined;
  readonly target?: string | undefined;
}

/** What the server did with one request. */
export interface Judgement {
  readonly verdict: JudgedRecord["verdict"];
  readonly issued?: {
    readonly refreshToken: string;
    readonly accessToken: string;
    readonly response: TokenEndpointResponse;
  };
}

/** Marks every token, so that one that turns up where it does not belong is found (I14). */
export const TOKEN_MARK = "sImToKeN";

/** Within this time a P7 server does not notice that a refresh token is used twice. */
export const NOT_ATOMIC_MS = 50;
const MIN_UNTOLD_LIFETIME_MS = 300_000;
const HUGE_LIFETIME_MS = 366 * 24 * 3_600_000;

/** The server. Judges at once; delays and losses are the link's business. */
export class AuthorizationServer {
  asClass: AsClass;
  graceMs: number;
  readonly revokesOldAccessToken: boolean;
  readonly lifetimeMs: number;
  /** Access tokens that a refresh has revoked before their time. */
  revokedEarly = 0;
  readonly families = new Map<string, Family>();
  readonly #refreshTokens = new Map<string, RefreshTokenState>();
  readonly #accessTokens = new Map<string, AccessTokenState>();
  readonly #nowMs: () => number;

  constructor(
    nowMs: () => number,
    options: { asClass: AsClass; graceMs: number; lifetimeMs: number; revokesOldAccessToken: boolean },
  ) {
    this.#nowMs = nowMs;
    this.asClass = options.asClass;
    this.graceMs = options.graceMs;
    this.lifetimeMs = options.lifetimeMs;
    this.revokesOldAccessToken = options.revokesOldAccessToken;
  }

  /** A new chain, as a sign-in begins it. */
  signIn(family: string, user: string): TokenEndpointResponse {
    const made: Family = { id: family, user, ended: undefined, issued: 0 };
    this.families.set(family, made);
    return this.#issue(made, undefined, {}).response;
  }

  /** Takes one refresh request to its end. */
  judge(refreshToken: string, ask: Ask = {}): Judgement {
    const { odd } = ask;
    const known = this.#refreshTokens.get(refreshToken);
    if (known === undefined || known.family.ended !== undefined || known.state === "killed") {
      return { verdict: "refused" };
    }
    if (known.state === "spent") return this.#judgeSpent(known, ask);
    if (this.asClass === "P0" || odd === "no_refresh_token" || odd === "same_refresh_token") {
      return { verdict: "same", issued: this.#issueAccess(known, refreshToken, ask) };
    }
    if (this.asClass !== "P1") this.#spend(known);
    this.#revokeOld(known);
    return { verdict: "rotated", issued: this.#issue(known.family, known, ask) };
  }

  /** Whether a first use of this refresh token would bring new tokens right now. */
  issuesFor(refreshToken: string): boolean {
    const known = this.#refreshTokens.get(refreshToken);
    return known?.state === "live" && known.family.ended === undefined;
  }

  /** Marks a refresh token as used without giving anything for it (P7). */
  consume(refreshToken: string): Judgement {
    const known = this.#refreshTokens.get(refreshToken);
    if (known?.state !== "live" || known.family.ended !== undefined) return this.judge(refreshToken);
    this.#spend(known);
    return { verdict: "consumed" };
  }

  /** Ends a chain, as an administrator or a sign-out does. */
  end(family: string, why: "revoked" | "signed_out"): void {
    const known = this.families.get(family);
    if (known !== undefined) known.ended ??= why;
  }

  /** Whether a request with this refresh token would bring new tokens right now. */
  accepts(refreshToken: string): boolean {
    const known = this.#refreshTokens.get(refreshToken);
    if (known === undefined || known.family.ended !== undefined) return false;
    if (known.state === "live") return true;
    return known.state === "spent" && this.#stillHelps(known);
  }

  familyOf(token: string): Family | undefined {
    return (this.#refreshTokens.get(token) ?? this.#accessTokens.get(token))?.family;
  }

  /** What a resource server says about an access token. */
  isGood(accessToken: string): boolean {
    const known = this.#accessTokens.get(accessToken);
    return known !== undefined && !known.revoked && known.expiresAtMs > this.#nowMs();
  }

  /** True end of an access token, in epoch milliseconds. */
  expiryOf(accessToken: string): number | undefined {
    return this.#accessTokens.get(accessToken)?.expiresAtMs;
  }

  /** What an access token was asked for; `undefined`: what the sign-in asked for. */
  targetOf(accessToken: string): string | undefined {
    return this.#accessTokens.get(accessToken)?.target;
  }

  #judgeSpent(known: RefreshTokenState, { target }: Ask): Judgement {
    if (this.#stillHelps(known)) {
      if (this.asClass === "P2") {
        const successor = known.successors[0] as string;
        const state = this.#refreshTokens.get(successor) as RefreshTokenState;
        return { verdict: "again", issued: this.#issueAccess(state, successor, { target }) };
      }
      if (this.asClass === "P4") this.#killOthers(known.family);
      return { verdict: "again", issued: this.#issue(known.family, known, { target }) };
    }
    if (this.asClass === "P0" || this.asClass === "P1" || this.asClass === "P5")
      return { verdict: "refused" };
    known.family.ended = "alarm";
    return { verdict: "alarm" };
  }

  #stillHelps(known: RefreshTokenState): boolean {
    const ageMs = this.#nowMs() - known.spentAtMs;
    const [successor] = known.successors;
    switch (this.asClass) {
      case "P2":
        return (
          successor !== undefined &&
          ageMs <= this.graceMs &&
          this.#refreshTokens.get(successor)?.state === "live"
        );
      case "P3":
      case "P4":
        return ageMs <= this.graceMs;
      case "P7":
        return ageMs <= NOT_ATOMIC_MS && successor !== undefined;
      case "P0":
      case "P1":
      case "P5":
      case "P6":
        return false;
    }
  }

  #spend(known: RefreshTokenState): void {
    known.state = "spent";
    known.spentAtMs = this.#nowMs();
  }

  #killOthers(family: Family): void {
    for (const state of this.#refreshTokens.values()) {
      if (state.family === family && state.state === "live") state.state = "killed";
    }
  }

  #revokeOld(known: RefreshTokenState): void {
    if (!this.revokesOldAccessToken) return;
    const old = this.#accessTokens.get(known.accessToken);
    if (old === undefined || old.revoked) return;
    old.revoked = true;
    if (old.expiresAtMs > this.#nowMs()) this.revokedEarly++;
  }

  #issue(family: Family, parent: RefreshTokenState | undefined, ask: Ask): NonNullable<Judgement["issued"]> {
    const number = ++family.issued;
    const refreshToken = `rt-${TOKEN_MARK}-${family.id}-${number}`;
    const accessToken = `at-${TOKEN_MARK}-${family.id}-${number}`;
    this.#refreshTokens.set(refreshToken, {
      family,
      state: "live",
      spentAtMs: 0,
      successors: [],
      accessToken,
    });
    parent?.successors.push(refreshToken);
    return { refreshToken, accessToken, response: this.#answer(family, accessToken, refreshToken, ask) };
  }

  #issueAccess(known: RefreshTokenState, refreshToken: string, ask: Ask): NonNullable<Judgement["issued"]> {
    const accessToken = `at-${TOKEN_MARK}-${known.family.id}-${++known.family.issued}`;
    const told = ask.odd === "no_refresh_token" ? undefined : refreshToken;
    return { refreshToken, accessToken, response: this.#answer(known.family, accessToken, told, ask) };
  }

  #answer(
    family: Family,
    accessToken: string,
    refreshToken: string | undefined,
    { odd, target }: Ask,
  ): TokenEndpointResponse {
    const untold = odd === "no_expiry" || odd === "zero_expiry";
    const lifetimeMs = untold
      ? Math.max(this.lifetimeMs, MIN_UNTOLD_LIFETIME_MS)
      : odd === "huge_expiry"
        ? HUGE_LIFETIME_MS
        : this.lifetimeMs;
    const expiresAtMs = this.#nowMs() + lifetimeMs;
    this.#accessTokens.set(accessToken, { family, expiresAtMs, target, revoked: false });
    const told = odd === "zero_expiry" ? 0 : odd === "huge_expiry" ? 1e12 : lifetimeMs / 1_000;
    return {
      access_token: accessToken,
      token_type: "Bearer",
      ...(refreshToken !== undefined && { refresh_token: refreshToken }),
      ...(odd !== "no_expiry" && { expires_in: told }),
    };
  }
}
