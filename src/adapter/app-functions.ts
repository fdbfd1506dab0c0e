/**
 * The functions that an application calls, the same in both versions.
 *
 * @module
 */
import type { App, ResealedGrants } from "./app.ts";
import { createBackChannelLogout, type BackChannelLogout } from "./back-channel-logout.ts";
import { createCheck, type Check } from "./check.ts";
import { createFetchWithToken, type FetchWithToken } from "./fetch-with-token.ts";
import { createLiveSessions, type LiveSessions } from "./live-sessions.ts";
import {
  createGetAccessToken,
  createRenewAccessToken,
  type GetAccessToken,
  type RenewAccessToken,
} from "./token-access.ts";
import { createCurrentTokenMarker, type CurrentTokenMarker } from "./token-marker.ts";
import { createTokenHandlerOf, type CreateTokenHandler } from "./token-handler/index.ts";

/** What `withFreshTokens` returns beside the parts for NextAuth. */
export interface AppFunctions extends LiveSessions {
  /**
   * The signed-in user's access token, valid for at least `minValidityMs`.
   *
   * Without a request it reads the current one, in server components, route handlers and server actions. In a
   * `proxy.ts` or route handler pass the request, in `getServerSideProps` the context, in a Pages Router API route
   * request and response.
   *
   * Rejects with a `TokenError`: `not_signed_in`, `no_token`, `reauthentication_required`, `refresh_unavailable`,
   * `store_failed` or `invalid_option`.
   */
  readonly getAccessToken: GetAccessToken;
  /**
   * As `getAccessToken`, but renews the token in hand first: for after a change of the user's roles or scopes, which the
   * token knows nothing of. Once for all who ask at the same time. A token younger than `minForcedAgeMs` (default 30_000,
   * or a quarter of its life) is returned as it is, and to a prefetch any.
   *
   * Rejects as `getAccessToken` does, also where the token in hand would still be good: `reauthentication_required` with the
   * reason `no_refresh_token` where nothing can renew it, `refresh_unavailable` or `store_failed` where it failed for now.
   */
  readonly renewAccessToken: RenewAccessToken;
  /**
   * What the cookie `nolapse.marker` is to hold: the end of the session's own access token in epoch seconds, as text. A
   * server component, which cannot set cookies, gives it to the page: `<TokenMarker value={await tokenMarker()} />`, of
   * `nolapse/react`. Takes a request, or request and response, as `getAccessToken` does. Renews nothing.
   *
   * `undefined` where nobody is signed in, the token has no known end, the store is away, or `tokenMarker` is false. Rejects
   * with nothing but Next's own signal that a page is dynamic.
   */
  readonly tokenMarker: CurrentTokenMarker;
  /**
   * The route to which authorization servers send a back-channel logout: `export const POST = backChannelLogout` in
   * `app/api/backchannel-logout/route.ts`, `export default backChannelLogout` in `pages/api/`. See docs/sign-out.md.
   */
  readonly backChannelLogout: BackChannelLogout;
  /** `fetch` with the token, to the origins in `allowedOrigins` only. */
  readonly fetchWithToken: FetchWithToken;
  /**
   * Makes the route through which pages call listed APIs without a token in the browser:
   * `export const { GET, HEAD, POST, PUT, PATCH, DELETE } = createTokenHandler({ apis })` in
   * `app/api/proxy/[...path]/route.ts`, `export default createTokenHandler({ apis }).pages` in `pages/api/`.
   * See docs/browser-calls.md.
   */
  readonly createTokenHandler: CreateTokenHandler;
  /**
   * Finds out at the start of a server, from `instrumentation.ts`, what the first sign-in would otherwise: whether the
   * secrets do, whether this Node has what the store needs, and whether the store answers. One read of the store, and
   * nothing is changed. While Next builds it does nothing.
   *
   * Rejects with a `TokenError`: `invalid_option`, or `store_failed`, which may pass by itself.
   */
  readonly check: Check;
  /**
   * Seals everything in the store with the newest secret, while the application runs, and tells which keys are still
   * needed: for taking an old secret out of `NOLAPSE_SECRET`. On the way it revokes and erases what sign-outs have left
   * because a process died or the authorization server was away. Rejects with `store_failed`; called again, it goes on.
   */
  readonly resealGrants: () => Promise<ResealedGrants>;
  /**
   * For a server of your own that is told to stop: waits for the refreshes under way, at most `timeoutMs` (default
   * 10_000), hands over what is still out, and closes the store. Afterwards nothing of this object works any more.
   */
  readonly close: (timeoutMs?: number) => Promise<void>;
}

/** Binds the functions to one application. */
export function createAppFunctions(app: App): AppFunctions {
  return {
    backChannelLogout: createBackChannelLogout(app),
    getAccessToken: createGetAccessToken(app),
    renewAccessToken: createRenewAccessToken(app),
    tokenMarker: createCurrentTokenMarker(app),
    fetchWithToken: createFetchWithToken(app),
    createTokenHandler: createTokenHandlerOf(app),
    ...createLiveSessions(app),
    check: createCheck(app),
    resealGrants: async () => (await app.ready()).resealGrants(),
    close: (timeoutMs) => app.close(timeoutMs),
  };
}
