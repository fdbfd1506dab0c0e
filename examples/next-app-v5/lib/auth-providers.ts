/**
 * The ways to sign in. The bundled authorization server and the backend's own login are always there; the others
 * appear when their variables are set.
 *
 * @module
 */
import { CredentialsSignin } from "next-auth";
import type { OIDCConfig, Provider } from "next-auth/providers";
import Credentials from "next-auth/providers/credentials";

import { loginAtBackend } from "@/lib/backend";
import { optionalProviders } from "@/lib/optional-providers";
import { OIDC_ISSUER } from "@/lib/settings";

/** All providers that can be used with the present environment. */
export function signInProviders(): Provider[] {
  return [demoProvider(), backendLogin(), ...optionalProviders()];
}

interface DemoProfile {
  readonly sub: string;
  readonly name?: string;
  readonly preferred_username?: string;
  readonly email?: string;
}

/** The bundled authorization server. `prompt=consent` is what makes it grant `offline_access`. */
function demoProvider(): OIDCConfig<DemoProfile> {
  return {
    id: "demo",
    name: "Demo",
    type: "oidc",
    issuer: OIDC_ISSUER,
    clientId: process.env.OIDC_CLIENT_ID ?? "nolapse-example",
    clientSecret: process.env.OIDC_CLIENT_SECRET ?? "",
    authorization: { params: { scope: "openid profile email offline_access", prompt: "consent" } },
    checks: ["pkce", "state"],
    profile: ({ sub, name, preferred_username, email }) => ({
      id: sub,
      name: name ?? preferred_username ?? sub,
      email: email ?? null,
    }),
  };
}

/** What the sign-in page's form is told when the backend is away. */
class LoginUnavailable extends CredentialsSignin {
  override code = "LoginUnavailable";
}

/** A backend with a login of its own. */
function backendLogin(): Provider {
  return Credentials({
    credentials: { username: { type: "text" }, password: { type: "password" } },
    async authorize({ username, password }) {
      const user = await loginAtBackend(username, password);
      if (user === "unavailable") throw new LoginUnavailable();
      return user;
    },
  });
}
