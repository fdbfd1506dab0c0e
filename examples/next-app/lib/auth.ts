/**
 * The app's sign-in: NextAuth's options, wrapped once by nolapse. There is no refresh code here.
 *
 * With `auth-providers.ts` and the route this is all that knows the version of next-auth: the pages take what they need
 * from here.
 *
 * @module
 */
import type { GetServerSidePropsContext } from "next";
import { getServerSession, type Session } from "next-auth";
import { withFreshTokens } from "nolapse/next-auth";

import { signInProviders } from "@/lib/auth-providers";
import { logOutAtBackend, refreshAtBackend } from "@/lib/backend";
import { withBasePath } from "@/lib/base-path";
import { grantStore } from "@/lib/grant-store";
import { recordTokenEvent } from "@/lib/live/hub";
import { API_URL, EXPOSE_ACCESS_TOKEN } from "@/lib/settings";

export const {
  authOptions,
  wrapHandler,
  getAccessToken,
  renewAccessToken,
  fetchWithToken,
  createTokenHandler,
  check,
  listSessions,
  endSession,
  endOtherSessions,
  endAllSessions,
} = withFreshTokens(
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

export type { GrantStore, ListedSession, TokenEvent } from "nolapse/next-auth";

/** What a session's `error` is called when only a new sign-in helps. */
export const SIGN_IN_AGAIN = "RefreshAccessTokenError";

/** Where browsers find the app, as NextAuth was told. */
export const APP_URL: string | undefined = process.env.NEXTAUTH_URL;

/** The visitor's session; in `getServerSideProps` by its context. `null` where nobody is signed in. */
export function readSession(ctx?: GetServerSidePropsContext): Promise<Session | null> {
  return ctx === undefined ? getServerSession(authOptions) : getServerSession(ctx.req, ctx.res, authOptions);
}
