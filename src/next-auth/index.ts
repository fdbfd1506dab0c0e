/**
 * nolapse for NextAuth.js v4.
 *
 * @module
 */
import type { AuthOptions, CallbacksOptions, EventCallbacks } from "next-auth";
import { encode as defaultEncode, type JWTOptions } from "next-auth/jwt";
import { createApp, type ResealedGrants } from "../adapter/app.ts";
import { createCallbacks, type AppCallbacks } from "../adapter/callbacks.ts";
import { withoutClaim } from "../adapter/claim.ts";
import { createCheck, type Check } from "../adapter/check.ts";
import { createFetchWithToken, type FetchWithToken } from "../adapter/fetch-with-token.ts";
import { checkOptions } from "../adapter/check-options.ts";
import type { FreshTokensOptions } from "../adapter/options.ts";
import type { SessionFields } from "../adapter/session-fields.ts";
import { createGetAccessToken, type GetAccessToken } from "../adapter/token-access.ts";
import { wrapHandlerOf } from "../adapter/wrap-handler.ts";
import { InvalidOptionError } from "../core/errors.ts";
import { createV4Host } from "./v4-host.ts";

declare module "next-auth" {
  interface Session extends SessionFields {}
}

/** What {@link withFreshTokens} returns. */
export interface FreshTokens {
  /** For `NextAuth(authOptions)`, `getServerSession(authOptions)` and everything else that takes NextAuth's options. */
  readonly authOptions: AuthOptions;
  /**
   * Wraps NextAuth's handler: `const handler = wrapHandler(NextAuth(authOptions))`, for `app/api/auth/[...nextauth]/route.ts`
   * and `pages/api/auth/[...nextauth].ts` alike.
   */
  readonly wrapHandler: <Handler extends (...args: never[]) => unknown>(handler: Handler) => Handler;
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
  /** `fetch` with the token, to the origins in `allowedOrigins` only. */
  readonly fetchWithToken: FetchWithToken;
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

/**
 * Keeps the access tokens of a NextAuth v4 application fresh.
 *
 * Takes your NextAuth options, minus your own refresh code, and returns them with nolapse's callbacks around yours.
 * Has no effect by itself; secrets and store are touched at first use.
 *
 * @throws {@link InvalidOptionError} for options that cannot work, naming the option and the fix.
 */
export function withFreshTokens(auth: AuthOptions, options: FreshTokensOptions): FreshTokens {
  checkOptions(options);
  checkAuthOptions(auth);
  const app = createApp(options, createV4Host(auth, options));
  const callbacks = createCallbacks(app);
  return {
    authOptions: {
      ...auth,
      callbacks: { ...auth.callbacks, ...wrappedCallbacks(auth.callbacks ?? {}, callbacks) },
      events: { ...auth.events, ...wrappedEvents(auth.events ?? {}, callbacks) },
      jwt: { ...auth.jwt, encode: wrappedEncode(auth.jwt?.encode ?? defaultEncode, callbacks) },
    },
    wrapHandler: wrapHandlerOf(app),
    getAccessToken: createGetAccessToken(app),
    fetchWithToken: createFetchWithToken(app),
    check: createCheck(app),
    resealGrants: async () => (await app.ready()).resealGrants(),
    close: (timeoutMs) => app.close(timeoutMs),
  };
}

function wrappedCallbacks(
  own: Partial<CallbacksOptions>,
  ours: AppCallbacks,
): Pick<CallbacksOptions, "signIn" | "jwt" | "session"> {
  return {
    async signIn(params) {
      const allowed = own.signIn ? await own.signIn(params) : true;
      // As NextAuth reads it: a text is an address, and everything else that is true lets the user in.
      return typeof allowed === "string" || !allowed ? allowed : ours.signIn(params);
    },
    jwt: (params) =>
      ours.jwt(params, (inner) => (own.jwt ? own.jwt(inner) : inner.token)) as ReturnType<
        CallbacksOptions["jwt"]
      >,
    session: (params) =>
      ours.session(params, (inner) => (own.session ? own.session(inner) : inner.session)) as ReturnType<
        CallbacksOptions["session"]
      >,
  };
}

function wrappedEvents(own: Partial<EventCallbacks>, ours: AppCallbacks): Partial<EventCallbacks> {
  const { session, signIn, signOut } = own;
  return {
    async signIn(message) {
      ours.signedIn();
      await signIn?.(message);
    },
    async signOut(message) {
      await ours.signedOut(message.token);
      await signOut?.(tokenHidden(message));
    },
    async session(message) {
      try {
        await session?.(tokenHidden(message));
      } finally {
        await ours.sessionRead();
      }
    },
  };
}

/** Without a value NextAuth sets no cookie for a user who has signed out; it deletes the one that came. */
function wrappedEncode(own: JWTOptions["encode"], ours: AppCallbacks): JWTOptions["encode"] {
  return async (params) => (ours.isOver(params.token) ? "" : own(params));
}

/** The application's own listeners see the JWT without the claim, so that what they log or copy can't leak it. */
function tokenHidden<Message extends { readonly token?: object }>(message: Message): Message {
  return { ...message, ...(message.token && { token: withoutClaim(message.token) }) };
}

function checkAuthOptions(auth: AuthOptions): void {
  if (!Array.isArray((auth as Partial<AuthOptions> | undefined)?.providers)) {
    throw new InvalidOptionError(
      "providers",
      "must be NextAuth's list of providers; the first argument is your NextAuth options",
    );
  }
  const strategy = auth.session?.strategy ?? (auth.adapter ? "database" : "jwt");
  if (strategy !== "jwt") {
    throw new InvalidOptionError(
      "session.strategy",
      'must be "jwt": the handle of the stored grants lives in the session JWT. With an adapter NextAuth defaults to "database", so set session: { strategy: "jwt" }',
    );
  }
}

export { isTokenError } from "../core/errors.ts";
export type {
  InvalidOptionError,
  NoTokenError,
  NotSignedInError,
  ReauthenticationReason,
  ReauthenticationRequiredError,
  RefreshUnavailableError,
  StoreFailedError,
  TokenError,
  TokenErrorCode,
} from "../core/errors.ts";
export type { TokenEvent, TokenEventListener, TokenEventType } from "../core/events.ts";
export type { EndReason } from "../core/grant.ts";
export type { GrantStore } from "../core/grant-store.ts";
export type { Check } from "../adapter/check.ts";
export type { RotationClass } from "../core/rotation.ts";
export type { ResealedGrants } from "../adapter/app.ts";
export type { FetchWithToken, FetchWithTokenOptions } from "../adapter/fetch-with-token.ts";
export type {
  FreshTokensOptions,
  ProviderOptions,
  RecipeTokens,
  RotationOptions,
} from "../adapter/options.ts";
export type { RequestLike } from "../adapter/request-source.ts";
export type { SessionFields, TokenState } from "../adapter/session-fields.ts";
export type { AccessToken, GetAccessToken } from "../adapter/token-access.ts";
export type { AccessTokenOptions } from "../adapter/token-ask.ts";
export { RefreshRejected } from "../oauth/refresh-rejected.ts";
