/**
 * The ways to sign in. The bundled authorization server and the backend's own login are always there; the others
 * appear when their variables are set.
 *
 * @module
 */
import type { NextAuthOptions } from "next-auth";
import CredentialsProvider from "next-auth/providers/credentials";
import GoogleProvider from "next-auth/providers/google";
import KakaoProvider from "next-auth/providers/kakao";
import KeycloakProvider from "next-auth/providers/keycloak";
import NaverProvider from "next-auth/providers/naver";
import type { OAuthConfig } from "next-auth/providers/oauth";

import { API_TIMEOUT_MS, API_URL, OIDC_ISSUER } from "@/lib/settings";

type Providers = NextAuthOptions["providers"];

/** All providers that can be used with the present environment. */
export function signInProviders(): Providers {
  return [demoProvider(), backendLogin(), ...optionalProviders()];
}

/** Ids and names of the providers that are a button of their own, beside the two bundled ones. */
export function extraProviders(): readonly { readonly id: string; readonly name: string }[] {
  return optionalProviders().map(({ id, name }) => ({ id, name }));
}

interface DemoProfile {
  readonly sub: string;
  readonly name?: string;
  readonly preferred_username?: string;
  readonly email?: string;
}

/** The bundled authorization server. `prompt=consent` is what makes it grant `offline_access`. */
function demoProvider(): OAuthConfig<DemoProfile> {
  return {
    id: "demo",
    name: "Demo",
    type: "oauth",
    wellKnown: `${OIDC_ISSUER}/.well-known/openid-configuration`,
    issuer: OIDC_ISSUER,
    clientId: process.env.OIDC_CLIENT_ID ?? "nolapse-example",
    clientSecret: process.env.OIDC_CLIENT_SECRET ?? "",
    authorization: { params: { scope: "openid profile email offline_access", prompt: "consent" } },
    idToken: true,
    checks: ["pkce", "state"],
    profile: ({ sub, name, preferred_username, email }) => ({
      id: sub,
      name: name ?? preferred_username ?? sub,
      email: email ?? null,
    }),
  };
}

interface LoginAnswer {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly expires_in: number;
  readonly user: { readonly id: string; readonly name?: string; readonly email?: string };
}

/** A backend with a login of its own. nolapse takes over `tokens`; they never reach the cookie. */
function backendLogin(): Providers[number] {
  return CredentialsProvider({
    credentials: { username: { type: "text" }, password: { type: "password" } },
    async authorize(credentials) {
      const { username, password } = credentials ?? {};
      if (!username || !password) return null;
      const answer = await postLogin(username, password);
      if (answer.status >= 400 && answer.status < 500) return null;
      if (!answer.ok) throw new Error("LoginUnavailable");
      const { user, access_token, refresh_token, expires_in } = (await answer.json()) as LoginAnswer;
      const { id, name = id, email = null } = user;
      return { id, name, email, tokens: { access_token, refresh_token, expires_in } };
    },
  });
}

async function postLogin(username: string, password: string): Promise<Response> {
  try {
    return await fetch(`${API_URL}/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ username, password }),
      cache: "no-store",
      signal: AbortSignal.timeout(API_TIMEOUT_MS),
    });
  } catch {
    // NextAuth puts the message into the sign-in page's address.
    throw new Error("LoginUnavailable");
  }
}

function optionalProviders(): Providers {
  const found: Providers = [];
  const add = (prefix: string, make: (clientId: string, clientSecret: string) => Providers[number]): void => {
    const clientId = process.env[`${prefix}_CLIENT_ID`];
    const clientSecret = process.env[`${prefix}_CLIENT_SECRET`];
    if (clientId && clientSecret) found.push(make(clientId, clientSecret));
  };
  add("GOOGLE", (clientId, clientSecret) =>
    // Google gives a refresh token only when asked for offline access, and only together with a consent.
    GoogleProvider({
      clientId,
      clientSecret,
      authorization: { params: { access_type: "offline", prompt: "consent" } },
    }),
  );
  add("KAKAO", (clientId, clientSecret) => KakaoProvider({ clientId, clientSecret }));
  add("NAVER", (clientId, clientSecret) => NaverProvider({ clientId, clientSecret }));
  const issuer = process.env.KEYCLOAK_ISSUER;
  if (issuer)
    add("KEYCLOAK", (clientId, clientSecret) => KeycloakProvider({ clientId, clientSecret, issuer }));
  return found;
}
