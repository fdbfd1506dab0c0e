/**
 * The backend's own endpoints: who signs in there gets tokens without any authorization server.
 *
 * @module
 */
import { API_TIMEOUT_MS, API_URL } from "@/lib/settings";

/** The user as NextAuth's `authorize` returns it. nolapse takes over `tokens`; they never reach the cookie. */
export interface BackendUser {
  readonly id: string;
  readonly name: string;
  readonly email: string | null;
  readonly tokens: {
    readonly access_token: string;
    readonly refresh_token: string;
    readonly expires_in: number;
  };
}

interface LoginAnswer {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly expires_in: number;
  readonly user: { readonly id: string; readonly name?: string; readonly email?: string };
}

/** The user, `null` if name or password is wrong, `"unavailable"` if the backend cannot tell. */
export async function loginAtBackend(
  username: unknown,
  password: unknown,
): Promise<BackendUser | null | "unavailable"> {
  if (typeof username !== "string" || typeof password !== "string") return null;
  if (username === "" || password === "") return null;
  const limit = AbortSignal.timeout(API_TIMEOUT_MS);
  const answer = await post("/login", { username, password }, limit).catch(() => undefined);
  if (answer === undefined) return "unavailable";
  if (answer.status >= 400 && answer.status < 500) return null;
  if (!answer.ok) return "unavailable";
  const { user, access_token, refresh_token, expires_in } = (await answer.json()) as LoginAnswer;
  const { id, name = id, email = null } = user;
  return { id, name, email, tokens: { access_token, refresh_token, expires_in } };
}

/** Trades the refresh token for new tokens: nolapse reads the answer as it would an authorization server's. */
export function refreshAtBackend(refreshToken: string, signal: AbortSignal): Promise<Response> {
  return post("/refresh", { refresh_token: refreshToken }, signal);
}

/** Ends the sign-in that the refresh token belongs to. */
export function logOutAtBackend(refreshToken: string, signal: AbortSignal): Promise<Response> {
  return post("/logout", { refresh_token: refreshToken }, signal);
}

function post(path: string, body: object, signal: AbortSignal): Promise<Response> {
  return fetch(API_URL + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    cache: "no-store",
    signal,
  });
}
