/**
 * nolapse for Auth.js v5 (`next-auth` 5).
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { createAppFunctions, type AppFunctions } from "../adapter/app-functions.ts";
import { createApp, type App } from "../adapter/app.ts";
import { createCallbacks, type AppCallbacks, type SignInParams } from "../adapter/callbacks.ts";
import { checkOptions } from "../adapter/check-options.ts";
import { upcomingSessionToken } from "../adapter/database-sign-in.ts";
import type { FreshTokensOptions } from "../adapter/options.ts";
import type { SessionFields } from "../adapter/session-fields.ts";
import { wrapAdapter } from "../adapter/wrap-adapter.ts";
import { wrapDecode } from "../adapter/wrap-decode.ts";
import { wrapEvents, wrapSignIn } from "../adapter/wrapped-events.ts";
import {
  checkedConfig,
  strategyOf,
  type AuthConfig,
  type ConfigLike,
  type LazyAuthConfig,
  type LazyConfig,
} from "./config.ts";
import { createV5Host, decodeOf } from "./v5-host.ts";
import { wrapJwt, wrapSession, type OwnJwt, type OwnSession } from "./wrapped-callbacks.ts";
import { wrapAuthOf, type AuthParts } from "./wrap-auth.ts";

declare module "next-auth" {
  interface Session extends SessionFields {}
}

/** What {@link withFreshTokens} returns. */
export interface FreshTokens<Config> extends AppFunctions {
  /** For `NextAuth(authConfig)`. Lazy where the configuration was. */
  readonly authConfig: Config;
  /**
   * Wraps what NextAuth returns: `wrapAuth(NextAuth(authConfig))`. The route's handlers and the server action `signIn()`
   * need it, everything else passes through as it is.
   */
  readonly wrapAuth: <Parts extends AuthParts>(parts: Parts) => Parts;
}

/**
 * Keeps the access tokens of an Auth.js v5 application fresh.
 *
 * Takes your NextAuth configuration, or the function that returns it, minus your own refresh code, and returns it with
 * nolapse's callbacks around yours. Has no effect by itself; secrets and store are touched at first use.
 *
 * @throws {@link InvalidOptionError} for options that cannot work, naming the option and the fix. A lazy configuration
 *   is looked at when it is asked for.
 */
export function withFreshTokens<Config extends AuthConfig | LazyAuthConfig>(
  config: Config,
  options: FreshTokensOptions,
): FreshTokens<Config> {
  checkOptions(options);
  const given: ConfigLike | LazyConfig = config;
  const host = createV5Host(typeof given === "function" ? given : checkedConfig(given), options);
  const app = createApp(options, host);
  const callbacks = createCallbacks(app);
  const lazy = async (request: unknown): Promise<ConfigLike> => {
    const found = checkedConfig(await (given as LazyConfig)(request));
    host.note(found);
    return wrappedConfig(app, found, callbacks);
  };
  return {
    authConfig: (typeof given === "function" ? lazy : wrappedConfig(app, given, callbacks)) as Config,
    wrapAuth: wrapAuthOf(app),
    ...createAppFunctions(app),
  };
}

function wrappedConfig(app: App, config: ConfigLike, ours: AppCallbacks): ConfigLike {
  const own = (config.callbacks ?? {}) as {
    signIn?: (params: SignInParams) => unknown;
    jwt?: OwnJwt;
    session?: OwnSession;
  };
  return {
    ...config,
    callbacks: {
      ...own,
      signIn: wrapSignIn(own.signIn?.bind(own), ours),
      jwt: wrapJwt(own.jwt?.bind(own), ours),
      session: wrapSession(own.session?.bind(own), ours),
    },
    events: { ...config.events, ...wrapEvents(config.events ?? {}, ours) },
    jwt: { ...config.jwt, decode: wrapDecode(decodeOf(config)) },
    ...(config.adapter && { adapter: wrapAdapter(app, config.adapter) }),
    ...(strategyOf(config) === "database" && {
      session: {
        ...config.session,
        generateSessionToken: () =>
          upcomingSessionToken() ?? config.session?.generateSessionToken?.() ?? randomUUID(),
      },
    }),
  };
}

export * from "../adapter/public.ts";
export type { AuthConfig, LazyAuthConfig } from "./config.ts";
