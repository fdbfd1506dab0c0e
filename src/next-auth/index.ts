/**
 * nolapse for NextAuth.js v4.
 *
 * @module
 */
import type { AuthOptions, CallbacksOptions } from "next-auth";
import { decode as defaultDecode, encode as defaultEncode, type JWTOptions } from "next-auth/jwt";
import { createApp } from "../adapter/app.ts";
import { createAppFunctions, type AppFunctions } from "../adapter/app-functions.ts";
import { createCallbacks, type AppCallbacks } from "../adapter/callbacks.ts";
import { checkOptions } from "../adapter/check-options.ts";
import { checkStrategy } from "../adapter/check-strategy.ts";
import { upcomingSessionToken } from "../adapter/database-sign-in.ts";
import type { FreshTokensOptions } from "../adapter/options.ts";
import type { SessionFields } from "../adapter/session-fields.ts";
import { wrapAdapter } from "../adapter/wrap-adapter.ts";
import { wrapDecode } from "../adapter/wrap-decode.ts";
import { wrapHandlerOf } from "../adapter/wrap-handler.ts";
import { wrapEvents, wrapSignIn } from "../adapter/wrapped-events.ts";
import { wrongEntry } from "../adapter/installed-version.ts";
import { InvalidOptionError } from "../core/errors.ts";
import { createV4Host, strategyOf } from "./v4-host.ts";

declare module "next-auth" {
  interface Session extends SessionFields {}
}

/** What {@link withFreshTokens} returns. */
export interface FreshTokens extends AppFunctions {
  /** For `NextAuth(authOptions)`, `getServerSession(authOptions)` and everything else that takes NextAuth's options. */
  readonly authOptions: AuthOptions;
  /**
   * Wraps NextAuth's handler: `const handler = wrapHandler(NextAuth(authOptions))`, for `app/api/auth/[...nextauth]/route.ts`
   * and `pages/api/auth/[...nextauth].ts` alike.
   */
  readonly wrapHandler: <Handler extends (...args: never[]) => unknown>(handler: Handler) => Handler;
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
  const host = createV4Host(auth, options);
  const app = createApp(options, host);
  const callbacks = createCallbacks(app);
  const wrapHandler = wrapHandlerOf(app);
  return {
    authOptions: {
      ...auth,
      callbacks: { ...auth.callbacks, ...wrappedCallbacks(auth.callbacks ?? {}, callbacks) },
      events: { ...auth.events, ...wrapEvents(auth.events ?? {}, callbacks) },
      jwt: {
        ...auth.jwt,
        encode: wrappedEncode(auth.jwt?.encode ?? defaultEncode, callbacks),
        decode: wrapDecode(auth.jwt?.decode ?? defaultDecode),
      },
      ...(auth.adapter && { adapter: wrapAdapter(app, auth.adapter) }),
      ...(host.strategy() === "database" && {
        session: {
          ...auth.session,
          generateSessionToken: async () => upcomingSessionToken() ?? host.newSessionToken(),
        },
      }),
    },
    wrapHandler(handler) {
      // NextAuth 5 returns an object of handlers here.
      if (typeof handler !== "function" && "handlers" in (handler as object)) throw wrongEntry(4);
      return wrapHandler(handler);
    },
    ...createAppFunctions(app),
  };
}

function wrappedCallbacks(
  own: Partial<CallbacksOptions>,
  ours: AppCallbacks,
): Pick<CallbacksOptions, "signIn" | "jwt" | "session"> {
  return {
    signIn: wrapSignIn(own.signIn?.bind(own), ours),
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

/** Without a value NextAuth sets no cookie for a user who has signed out; it deletes the one that came. */
function wrappedEncode(own: JWTOptions["encode"], ours: AppCallbacks): JWTOptions["encode"] {
  return async (params) => (ours.isOver(params.token) ? "" : own(params));
}

function checkAuthOptions(auth: AuthOptions): void {
  if (!Array.isArray((auth as Partial<AuthOptions> | undefined)?.providers)) {
    throw new InvalidOptionError(
      "providers",
      "must be NextAuth's list of providers; the first argument is your NextAuth options",
    );
  }
  checkStrategy(strategyOf(auth), auth.adapter);
}

export * from "../adapter/public.ts";
