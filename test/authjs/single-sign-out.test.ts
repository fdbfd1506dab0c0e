import { describe } from "vitest";
import { testSingleSignOut } from "../next-auth/support/single-sign-out.ts";
import { createWorld } from "./support/world.ts";

describe("a sign-out at an OpenID Connect server from an Auth.js v5 app", () => {
  testSingleSignOut(async (server, settings) => {
    const provider = {
      ...{ id: "oidc", name: "OIDC", type: "oidc", issuer: server.issuer },
      authorization: { params: { scope: "openid profile email offline_access" } },
      ...{ clientId: "app", clientSecret: "client-secret-of-app" },
    };
    const bare = await createWorld();
    return bare.copy({
      auth: { providers: [provider as never] },
      options: { providers: { oidc: settings } },
    });
  });
});
