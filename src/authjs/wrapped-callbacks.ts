/**
 * The `jwt` and `session` callbacks of v5, where they differ from v4's: `null` from `jwt` is a clean end of the session, and
 * a session without a `user` would show the whole JWT in `auth()`.
 *
 * @module
 */
import { isEmpty, isNothing } from "../adapter/app-answer.ts";
import { handlerContext } from "../adapter/request-context.ts";
import type { AppCallbacks, JwtParams, SessionParams } from "../adapter/callbacks.ts";

/** An application's own `jwt` callback. */
export type OwnJwt = (params: JwtParams) => unknown;
/** An application's own `session` callback. */
export type OwnSession = (params: SessionParams) => unknown;

/**
 * The `jwt` callback around the application's own. `null`, by which v5 ends the session, comes from the application, or
 * because the user has signed out (F18): with an empty session instead, as in v4, `auth()` would show the JWT as the user.
 */
export function wrapJwt(
  own: OwnJwt | undefined,
  ours: AppCallbacks,
): (params: JwtParams) => Promise<object | null | undefined> {
  return async (params) => {
    const token = await ours.jwt(params, (inner) => (own ? own(inner) : inner.token));
    if (isNothing(token) || params.account) return token;
    return (await ours.isSignedOut(token)) ? null : token;
  };
}

/**
 * The `session` callback around the application's own. Where that returns nothing, the route shows nobody, and `auth()` what
 * Auth.js shows without a callback. With a JWT, what is not empty always has a `user` (D43). Where sessions are rows, `auth()`
 * would add the user's row, and no more than the application has asked for is added here.
 */
export function wrapSession(
  own: OwnSession | undefined,
  ours: AppCallbacks,
): (params: SessionParams) => Promise<unknown> {
  return async (params) => {
    const isRow = params.token === undefined;
    const inRoute = handlerContext() !== undefined;
    const usual = (inner: SessionParams): object => (isRow ? defaultSession(inner) : inner.session);
    const session = await ours.session(
      params,
      (inner) => (own ? own(inner) : usual(inner)),
      inRoute ? undefined : usual,
    );
    if (isRow || (inRoute && isEmpty(session))) return session;
    const { user } = session as { user?: unknown };
    return { ...(session as object), user: user ?? (params.session as { user?: unknown }).user };
  };
}

/** What Auth.js itself shows of a session's row: everything in `auth()`, and to the browser the user's name, address, image. */
function defaultSession({ session }: SessionParams): object {
  const { user, expires, ...row } = session as DatabaseSession;
  const shown = { expires: expires instanceof Date ? expires.toISOString() : expires };
  if (handlerContext() === undefined) return { ...row, user, ...shown };
  return { user: { name: user?.name, email: user?.email, image: user?.image }, ...shown };
}

interface DatabaseSession {
  readonly user?: { readonly name?: unknown; readonly email?: unknown; readonly image?: unknown };
  readonly expires?: unknown;
}
