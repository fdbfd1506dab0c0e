/**
 * nolapse around NextAuth's `jwt.decode`: to a sign-in a session that is over is none.
 *
 * @module
 */
import { handlerContext } from "./request-context.ts";

/**
 * Wraps `jwt.decode`, by which NextAuth learns at a sign-in whether a user of its adapter is signed in already: it links the new
 * account or passkey to that user. The cookie of a session that has ended still opens, and whoever kept a copy could make an account of
 * their own that user's (SEC-13).
 */
export function wrapDecode<Params, Token>(
  own: (params: Params) => Token | PromiseLike<Token>,
): (params: Params) => Promise<Token | null> {
  return async (params) => (handlerContext()?.isOver === true ? null : own(params));
}
