/**
 * The app's sign-in: NextAuth's options, wrapped once by nolapse. There is no refresh code here.
 *
 * @module
 */
import { withFreshTokens } from "nolapse/next-auth";

import { signInProviders } from "@/lib/auth-providers";
import { withBasePath } from "@/lib/base-path";
import { grantStore } from "@/lib/grant-store";
import { recordTokenEvent } from "@/lib/live/hub";
import { API_URL } from "@/lib/settings";

export const { authOptions, wrapHandler, getAccessToken, fetchWithToken, check } = withFreshTokens(
  {
    providers: signInProviders(),
    pages: { signIn: withBasePath("/signin"), error: withBasePath("/signin") },
  },
  {
    store: grantStore(),
    allowedOrigins: [API_URL],
    providers: {
      credentials: {
        refresh: ({ refreshToken, signal }) => postToBackend("/refresh", refreshToken, signal),
        revoke: ({ refreshToken, signal }) => postToBackend("/logout", refreshToken, signal),
      },
    },
    onEvent: recordTokenEvent,
  },
);

/** The backend's own endpoints: nolapse reads the answer as it would an authorization server's. */
function postToBackend(path: string, refreshToken: string, signal: AbortSignal): Promise<Response> {
  return fetch(API_URL + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ refresh_token: refreshToken }),
    cache: "no-store",
    signal,
  });
}
