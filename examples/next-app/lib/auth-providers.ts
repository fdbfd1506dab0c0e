/**
 * The ways to sign in. The bundled authorization server and the backend's own login are always there; the others
 * appear when their variables are set.
 *
 * @module
 */
import type { NextAuthOptions } from "next-auth";
import CredentialsProvider from "next-auth/providers/credentials";
import type { OAuthConfig } from "next-auth/providers/oauth";

import { loginAtBackend } from "@/lib/backend";
import { optionalProviders } from "@/lib/optional-providers";
import { OIDC_ISSUER } from "@/lib/settings";

type Providers = NextAuthOptions["providers"];

/** All providers that can be used with the present environment. */
export function signInProviders(): Providers {
  return [demoProvider(), backendLogin(), ...optionalProviders()];
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

/** A backend with a login of its own. */
function backendLogin(): Providers[number] {
  return CredentialsProvider({
    credentials: { username: { type: "text" }, password: { type: "password" } },
    async authorize(credentials) {
      const user = await loginAtBackend(credentials?.username, credentials?.password);
      // NextAuth puts the message into the sign-in page's address.
      if (user === "unavailable") throw new Error("LoginUnavailable");
      return user;
    },
  });
}
