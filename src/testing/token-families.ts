/**
 * The tokens of an authorization server, and what it does with a refresh token that was used before. By default it is
 * strict (class P6; RFC 9700 section 4.14.2): each refresh token works once, and a second use of an old one ends its
 * whole family, access tokens included.
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import { STRICT_ROTATION, type RotationPolicy } from "../core/rotation.ts";

/** A token response as the server sends it (RFC 6749 section 5.1). */
export interface IssuedTokens {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly token_type: "Bearer";
  readonly expires_in: number;
  readonly scope: string;
}

/** How a refresh token was answered. */
export type Redemption =
  /** `repeated`: it had been used before, and the server's rotation lets that pass. */
  | { readonly kind: "rotated" | "repeated"; readonly user: string; readonly tokens: IssuedTokens }
  /** It had been used before: the family has ended. */
  | { readonly kind: "reused"; readonly user: string }
  /** Its family had ended before, or a newer pair took its place. */
  | { readonly kind: "revoked"; readonly user: string }
  /** It asks for more than the user granted. */
  | { readonly kind: "wider"; readonly user: string }
  | { readonly kind: "unknown" };

/** What a refresh asks for beside new tokens. */
export interface RedemptionAsk {
  /** Part of the granted scope. @defaultValue all of it */
  readonly scope?: string | undefined;
  /** The `resource` or `audience` of the access token. @defaultValue none */
  readonly audience?: string | undefined;
}

interface Family {
  readonly user: string;
  readonly scope: string;
  live: boolean;
}

interface AccessToken {
  readonly family: Family;
  readonly audience: string | undefined;
  readonly expiresAtMs: number;
  dead: boolean;
}

interface RefreshToken {
  readonly family: Family;
  /** When it was used first, by the server's clock, and what came of it. */
  firstUse: { readonly atMs: number; readonly pair: IssuedTokens } | undefined;
  dead: boolean;
}

/** All tokens that a server has issued, and which of them still work. */
export class TokenFamilies {
  readonly #refreshTokens = new Map<string, RefreshToken>();
  readonly #accessTokens = new Map<string, AccessToken>();
  readonly #lifetimeMs: number;
  readonly #nowMs: () => number;
  readonly #rotation: RotationPolicy;
  #issued = 0;

  constructor(lifetimeMs: number, nowMs: () => number, rotation: RotationPolicy = STRICT_ROTATION) {
    this.#lifetimeMs = lifetimeMs;
    this.#nowMs = nowMs;
    this.#rotation = rotation;
  }

  /** How many access tokens were issued, the first ones of sign-ins included. */
  get issuedAccessTokens(): number {
    return this.#issued;
  }

  /** Starts a family, as a sign-in does. */
  start(user: string, scope: string): IssuedTokens {
    return this.#issue({ user, scope, live: true }, {});
  }

  /** Redeems a refresh token: once, or as the rotation allows. */
  redeem(refreshToken: string, ask: RedemptionAsk = {}): Redemption {
    const known = this.#refreshTokens.get(refreshToken);
    if (known === undefined) return { kind: "unknown" };
    const { family } = known;
    const { user } = family;
    if (!family.live || known.dead) return { kind: "revoked", user };
    const granted = new Set(family.scope.split(" "));
    if (ask.scope?.split(" ").some((scope) => !granted.has(scope)) === true) return { kind: "wider", user };
    if (this.#rotation.class === "none")
      return { kind: "rotated", user, tokens: this.#issue(family, ask, refreshToken) };
    if (known.firstUse === undefined) {
      const tokens = this.#issue(family, ask);
      known.firstUse = { atMs: this.#nowMs(), pair: tokens };
      return { kind: "rotated", user, tokens };
    }
    if (this.#mayRepeat(known.firstUse.atMs))
      return { kind: "repeated", user, tokens: this.#repeat(known, known.firstUse, ask) };
    family.live = false;
    return { kind: "reused", user };
  }

  /** Ends the family of a refresh token, or one access token. Unknown tokens are none of its business (RFC 7009). */
  revoke(token: string): string | undefined {
    const refresh = this.#refreshTokens.get(token);
    if (refresh !== undefined) {
      refresh.family.live = false;
      return refresh.family.user;
    }
    const access = this.#accessTokens.get(token);
    if (access !== undefined) access.dead = true;
    return access?.family.user;
  }

  /** Ends every family of a user, as an administrator does. */
  revokeUser(user: string): void {
    for (const { family } of this.#refreshTokens.values()) if (family.user === user) family.live = false;
  }

  /** Whose access token this is, if it still works. */
  userOf(accessToken: string): string | undefined {
    return this.#working(accessToken)?.family.user;
  }

  /** The `resource` or `audience` that an access token was asked for, if it still works. */
  audienceOf(accessToken: string): string | undefined {
    return this.#working(accessToken)?.audience;
  }

  #working(accessToken: string): AccessToken | undefined {
    const known = this.#accessTokens.get(accessToken);
    const works =
      known !== undefined && known.family.live && !known.dead && this.#nowMs() < known.expiresAtMs;
    return works ? known : undefined;
  }

  #mayRepeat(firstUseAtMs: number): boolean {
    const { class: name, graceMs } = this.#rotation;
    if (name === "overlapping") return true;
    return name !== "strict" && this.#nowMs() - firstUseAtMs <= graceMs;
  }

  #repeat(
    known: RefreshToken,
    { atMs, pair }: NonNullable<RefreshToken["firstUse"]>,
    ask: RedemptionAsk,
  ): IssuedTokens {
    if (this.#rotation.class === "idempotent") return this.#issue(known.family, ask, pair.refresh_token);
    const tokens = this.#issue(known.family, ask);
    if (this.#rotation.class === "last_wins") {
      const replaced = this.#refreshTokens.get(pair.refresh_token);
      if (replaced !== undefined) replaced.dead = true;
      const access = this.#accessTokens.get(pair.access_token);
      if (access !== undefined) access.dead = true;
      known.firstUse = { atMs, pair: tokens };
    }
    return tokens;
  }

  /** @param refreshToken The one to hand out again. @defaultValue a new one */
  #issue(family: Family, { scope, audience }: RedemptionAsk, refreshToken?: string): IssuedTokens {
    if (this.#rotation.accessTokensDie === true) {
      for (const token of this.#accessTokens.values()) if (token.family === family) token.dead = true;
    }
    const tokens: IssuedTokens = {
      access_token: `at-${randomBytes(24).toString("base64url")}`,
      refresh_token: refreshToken ?? `rt-${randomBytes(24).toString("base64url")}`,
      token_type: "Bearer",
      expires_in: this.#lifetimeMs / 1000,
      scope: scope ?? family.scope,
    };
    const expiresAtMs = this.#nowMs() + this.#lifetimeMs;
    this.#accessTokens.set(tokens.access_token, { family, audience, dead: false, expiresAtMs });
    if (refreshToken === undefined)
      this.#refreshTokens.set(tokens.refresh_token, { family, firstUse: undefined, dead: false });
    this.#issued++;
    return tokens;
  }
}

/** A name for a token that is safe to print: 12 characters of its hash. */
export function tokenRef(token: string): string {
  return createHash("sha256").update(token).digest("base64url").slice(0, 12);
}
