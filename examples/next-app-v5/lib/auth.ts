/**
 * The app's sign-in: Auth.js's configuration, wrapped once by nolapse. There is no refresh code here.
 *
 * With `auth-providers.ts` and the route this is all that knows the version of next-auth: the pages take what they need
 * from here.
 *
 * @module
 */
import type { GetServerSidePropsContext } from "next";
import NextAuth, { type Session } from "next-auth";
import { withFreshTokens } from "nolapse/authjs";

import { signInProviders } from "@/lib/auth-providers";
import { logOutAtBackend, refreshAtBackend } from "@/lib/backend";
import { withBasePath } from "@/lib/base-path";
import { grantStore } from "@/lib/grant-store";
import { recordTokenEvent } from "@/lib/live/hub";
import { API_URL, EXPOSE_ACCESS_TOKEN } from "@/lib/settings";

const { authConfig, wrapAuth, ...tokens } = withFreshTokens(
  {
    providers: signInProviders(),
    pages: { signIn: withBasePath("/signin"), error: withBasePath("/signin") },
  },
  {
    store: grantStore(),
    allowedOrigins: [API_URL],
    exposeAccessToken: EXPOSE_ACCESS_TOKEN,
    providers: {
      credentials: {
        refresh: ({ refreshToken, signal }) => refreshAtBackend(refreshToken, signal),
        revoke: ({ refreshToken, signal }) => logOutAtBackend(refreshToken, signal),
      },
    },
    onEvent: recordTokenEvent,
  },
);

export const { getAccessToken, renewAccessToken, fetchWithToken, createTokenHandler, check } = tokens;
export const { listSessions, endSession, endOtherSessions, endAllSessions } = tokens;
export const { handlers, auth } = wrapAuth(NextAuth(authConfig));

export type { GrantStore, ListedSession, TokenEvent } from "nolapse/authjs";

/** What a session's `error` is called when only a new sign-in helps. */
export const SIGN_IN_AGAIN = "RefreshTokenError";

/** Where browsers find the app, as Auth.js was told. */
export const APP_URL: string | undefined = process.env.AUTH_URL;

/** The visitor's session; in `getServerSideProps` by its context. `null` where nobody is signed in. */
export function readSession(ctx?: GetServerSidePropsContext): Promise<Session | null> {
  return ctx === undefined ? auth() : auth(ctx);
}
