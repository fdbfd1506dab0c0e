/**
 * The errors of a hand-written refresh that was left in, or that has left them in the JWT. They say nothing of the grant, and
 * nobody is signed out by them.
 *
 * @module
 */
import { warnOnce } from "./report.ts";

/** The names that the guides give to a refresh that failed. */
const RECIPE_ERRORS: ReadonlySet<string> = new Set(["RefreshAccessTokenError", "RefreshTokenError"]);
/**
 * What v5's guide, and with it its copies, throws where the JWT has no refresh token.
 *
 * @see https://authjs.dev/guides/refresh-token-rotation#jwt-strategy
 */
const MISSING_TOKEN = /^missing refresh[ _-]?token$/i;

/**
 * Leaves out the error that a hand-written recipe noted. It never goes away by itself (F32), and whether a new sign-in is
 * needed is said by the grant alone.
 */
export function withoutRecipeError<Value extends object>(value: Value): Value {
  const { error, ...rest } = value as { error?: unknown };
  return typeof error === "string" && RECIPE_ERRORS.has(error) ? (rest as Value) : value;
}

/**
 * Runs the application's own `jwt` callback for a session that has a grant. Its refresh token is not in the JWT: where a guide's
 * refresh was left in and throws for want of it, the JWT stays as it was, because NextAuth would delete the session (D18).
 *
 * Rejects with everything else that the callback throws.
 */
export async function withRefreshLeftIn<Token extends object>(
  token: Token,
  own: (token: Token) => unknown,
): Promise<unknown> {
  try {
    return await own(token);
  } catch (error) {
    if (!(error instanceof Error) || !MISSING_TOKEN.test(error.message)) throw error;
    warnOnce(
      "refresh-left-in",
      "Your jwt callback still refreshes, and threw because the session cookie has no refresh token any more. The session was kept; take the refresh out of the callback, and call getAccessToken() where you need the token",
    );
    return token;
  }
}
