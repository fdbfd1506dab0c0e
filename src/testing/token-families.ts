/**
 * The tokens of a strict authorization server: each refresh token works once, and a second use of an old one ends its
 * whole family, access tokens included (class P6; RFC 9700 section 4.14.2).
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";

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
  | { readonly kind: "rotated"; readonly user: string; readonly tokens: IssuedTokens }
  /** It had been used before: the family has ended. */
  | { readonly kind: "reused"; readonly user: string }
  /** Its family had ended before. */
  | { readonly kind: "revoked"; readonly user: string }
  | { readonly kind: "unknown" };

interface Family {
  readonly user: string;
  readonly scope: string;
  live: boolean;
}

interface Known {
  readonly family: Family;
  used: boolean;
  readonly expiresAtMs: number;
}

/** All tokens that a server has issued, and which of them still work. */
export class TokenFamilies {
  readonly #refreshTokens = new Map<string, Known>();
  readonly #accessTokens = new Map<string, Known>();
  readonly #lifetimeMs: number;
  readonly #nowMs: () => number;
  #issued = 0;

  constructor(lifetimeMs: number, nowMs: () => number) {
    this.#lifetimeMs = lifetimeMs;
    this.#nowMs = nowMs;
  }

  /** How many access tokens were issued, the first ones of sign-ins included. */
  get issuedAccessTokens(): number {
    return this.#issued;
  }

  /** Starts a family, as a sign-in does. */
  start(user: string, scope: string): IssuedTokens {
    return this.#issue({ user, scope, live: true });
  }

  /** Redeems a refresh token: once. */
  redeem(refreshToken: string): Redemption {
    const known = this.#refreshTokens.get(refreshToken);
    if (known === undefined) return { kind: "unknown" };
    const { family } = known;
    if (!family.live) return { kind: "revoked", user: family.user };
    if (known.used) {
      family.live = false;
      return { kind: "reused", user: family.user };
    }
    known.used = true;
    return { kind: "rotated", user: family.user, tokens: this.#issue(family) };
  }

  /** Ends the family of a refresh token, or one access token. Unknown tokens are none of its business (RFC 7009). */
  revoke(token: string): string | undefined {
    const refresh = this.#refreshTokens.get(token);
    if (refresh !== undefined) {
      refresh.family.live = false;
      return refresh.family.user;
    }
    const access = this.#accessTokens.get(token);
    if (access !== undefined) access.used = true;
    return access?.family.user;
  }

  /** Ends every family of a user, as an administrator does. */
  revokeUser(user: string): void {
    for (const { family } of this.#refreshTokens.values()) if (family.user === user) family.live = false;
  }

  /** Whose access token this is, if it still works. */
  userOf(accessToken: string): string | undefined {
    const known = this.#accessTokens.get(accessToken);
    const works =
      known !== undefined && known.family.live && !known.used && this.#nowMs() < known.expiresAtMs;
    return works ? known.family.user : undefined;
  }

  #issue(family: Family): IssuedTokens {
    const tokens: IssuedTokens = {
      access_token: `at-${randomBytes(24).toString("base64url")}`,
      refresh_token: `rt-${randomBytes(24).toString("base64url")}`,
      token_type: "Bearer",
      expires_in: this.#lifetimeMs / 1000,
      scope: family.scope,
    };
    const expiresAtMs = this.#nowMs() + this.#lifetimeMs;
    this.#accessTokens.set(tokens.access_token, { family, used: false, expiresAtMs });
    this.#refreshTokens.set(tokens.refresh_token, { family, used: false, expiresAtMs: Infinity });
    this.#issued++;
    return tokens;
  }
}

/** A name for a token that is safe to print: 12 characters of its hash. */
export function tokenRef(token: string): string {
  return createHash("sha256").update(token).digest("base64url").slice(0, 12);
}
