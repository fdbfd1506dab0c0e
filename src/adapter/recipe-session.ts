/**
 * Recognises the session of a hand-written refresh recipe: a JWT that still carries the tokens. It is adopted at its
 * first read, without a new cookie, so that nobody has to sign in again when an application moves to nolapse.
 *
 * @module
 */
import type { TokenEndpointResponse } from "../core/token-set.ts";
import type { SessionToken } from "./claim.ts";

/** What was found in a recipe's JWT. */
export interface RecipeSession {
  readonly tokens: TokenEndpointResponse & { readonly access_token: string; readonly refresh_token: string };
  /** NextAuth's provider id, where the recipe kept it. */
  readonly provider?: string;
}

const ACCESS_TOKEN = ["accessToken", "access_token"];
const REFRESH_TOKEN = ["refreshToken", "refresh_token"];
const ID_TOKEN = ["idToken", "id_token"];
const EXPIRES = [
  "accessTokenExpires",
  "accessTokenExpiresAt",
  "expires_at",
  "expiresAt",
  "accessTokenExpiry",
];
const PROVIDER = ["provider", "providerId"];
/** Members under which recipes keep the whole account, or the user whom a backend's login returned. */
const NESTED = ["account", "token", "tokens", "user"];

/**
 * Looks for the names that the guides of NextAuth v3, v4 and v5 and their copies use, at the top of the JWT and in
 * `account`, `token`, `tokens` or `user`.
 *
 * @returns `undefined` unless there are an access token and a refresh token.
 */
export function recipeSessionOf(token: SessionToken): RecipeSession | undefined {
  const nested = NESTED.map((name) => token[name]).filter(
    (value): value is SessionToken => typeof value === "object" && value !== null,
  );
  for (const candidate of [token, ...nested]) {
    const accessToken = textOf(candidate, ACCESS_TOKEN);
    const refreshToken = textOf(candidate, REFRESH_TOKEN);
    if (accessToken === undefined || refreshToken === undefined) continue;
    const idToken = textOf(candidate, ID_TOKEN);
    const expires = EXPIRES.map((name) => candidate[name]).find((value) => value !== undefined);
    const provider = textOf(candidate, PROVIDER) ?? textOf(token, PROVIDER);
    return {
      tokens: {
        access_token: accessToken,
        refresh_token: refreshToken,
        ...(idToken !== undefined && { id_token: idToken }),
        ...(expires !== undefined && { expires_at: asSeconds(expires) }),
      },
      ...(provider !== undefined && { provider }),
    };
  }
  return undefined;
}

function textOf(source: SessionToken, names: readonly string[]): string | undefined {
  const value = names.map((name) => source[name]).find((found) => typeof found === "string" && found !== "");
  return value as string | undefined;
}

/** Recipes keep the expiry as seconds, milliseconds or a date string; the token set tells the first two apart. */
function asSeconds(expires: unknown): unknown {
  if (typeof expires !== "string" || /^\d+(\.\d+)?$/.test(expires)) return expires;
  const parsedMs = Date.parse(expires);
  return Number.isNaN(parsedMs) ? undefined : parsedMs;
}
