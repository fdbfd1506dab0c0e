/**
 * Finds the tokens that a sign-in brought: in NextAuth's `account` for OAuth providers, and on the `user` that a
 * Credentials provider returned.
 *
 * @module
 */
import type { TokenEndpointResponse } from "../core/token-set.ts";

/** NextAuth's `account`, as far as nolapse reads it. */
export interface AccountLike {
  readonly provider: string;
  readonly type?: string | undefined;
  /** A text at OAuth providers; at a Credentials provider the user's `id`, whatever `authorize` returned. */
  readonly providerAccountId?: unknown;
  readonly [member: string]: unknown;
}

/**
 * The tokens of a sign-in, as a token response.
 *
 * @param userTokens How a provider's own setting finds them on the user. Default: the member `tokens` of the user.
 * @returns `undefined` if the sign-in brought none.
 */
export function signInTokens(
  account: AccountLike | null | undefined,
  user: unknown,
  userTokens: ((user: never) => TokenEndpointResponse | undefined) | undefined,
): TokenEndpointResponse | undefined {
  if (account && typeof account["access_token"] === "string") return tokensIn(account);
  const found = userTokens
    ? userTokens(user as never)
    : (user as { tokens?: unknown } | null | undefined)?.tokens;
  return isRecord(found) ? snakeCased(found) : undefined;
}

/** NextAuth's account is the token response with members of its own mixed in. */
function tokensIn(account: AccountLike): TokenEndpointResponse {
  const { provider: _provider, type: _type, providerAccountId: _id, userId: _userId, ...tokens } = account;
  return tokens;
}

/** Accepts the camelCase names that backends use beside the wire's. */
function snakeCased(tokens: Readonly<Record<string, unknown>>): TokenEndpointResponse | undefined {
  const response: Record<string, unknown> = { ...tokens };
  for (const [ours, theirs] of [
    ["access_token", "accessToken"],
    ["refresh_token", "refreshToken"],
    ["id_token", "idToken"],
    ["token_type", "tokenType"],
    ["expires_in", "expiresIn"],
    ["expires_at", "expiresAt"],
    ["refresh_token_expires_in", "refreshTokenExpiresIn"],
  ] as const) {
    response[ours] ??= response[theirs];
  }
  return typeof response["access_token"] === "string" ? response : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
