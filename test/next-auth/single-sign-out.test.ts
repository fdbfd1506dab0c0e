import type { AuthOptions } from "next-auth";
import { describe } from "vitest";
import { testSingleSignOut } from "./support/single-sign-out.ts";
import { createWorld } from "./support/world.ts";

describe("a sign-out at an OpenID Connect server from a NextAuth v4 app", () => {
  testSingleSignOut(async (server, settings) => {
    const provider = {
      ...{ id: "oidc", name: "OIDC", type: "oauth", idToken: true, checks: ["pkce", "state"] },
      ...{ issuer: server.issuer, wellKnown: `${server.issuer}/.well-known/openid-configuration` },
      authorization: { params: { scope: "openid profile email offline_access" } },
      profile: ({ sub, name, email }: Record<string, string>) => ({ id: sub, name, email }),
      ...{ clientId: "app", clientSecret: "client-secret-of-app" },
    };
    const bare = await createWorld();
    return bare.copy({
      auth: { providers: [provider] as unknown as AuthOptions["providers"] },
      options: { providers: { oidc: settings } },
    });
  });
});
