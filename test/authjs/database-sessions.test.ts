import NextAuth from "next-auth-v5";
import { expect, it } from "vitest";
import { Browser } from "../next-auth/support/browser.ts";
import type { DatabaseApp, DatabaseChanges } from "../next-auth/support/database-app.ts";
import { describeDatabaseSessions } from "../next-auth/support/database-sessions.ts";
import { memoryAdapter } from "../next-auth/support/memory-adapter.ts";
import {
  SESSION_COOKIE,
  backendProvider,
  createWorld,
  sessionInComponent,
  strictProvider,
} from "./support/world.ts";

describeDatabaseSessions({
  name: "v5",
  cookie: SESSION_COOKIE,
  oidcProvider: (id, issuer) => ({
    id,
    name: id,
    type: "oidc",
    issuer,
    authorization: { params: { scope: "openid profile email offline_access" } },
    clientId: "app",
    clientSecret: "client-secret-of-app",
  }),
  async createApp(adapter, other) {
    const base = await createWorld();
    const make = (changes: DatabaseChanges): DatabaseApp => {
      const { options, providers = [], auth, session, adapter: around, wrapped } = changes;
      const world = base.copy({
        auth: {
          providers: [
            strictProvider(base.server),
            strictProvider(other, { id: "other" }),
            backendProvider((user) => ({ id: user, tokens: { access_token: "a-token", expires_in: 60 } })),
            ...(providers as never[]),
          ],
          adapter: around?.(adapter) ?? adapter,
          ...(session && { session }),
          ...auth,
        },
        options: {
          ...options,
          providers: {
            strict: { revocationEndpoint: base.server.revocationEndpoint },
            other: { revocationEndpoint: other.revocationEndpoint },
          },
        },
      });
      const bare = NextAuth(world.authConfig);
      return {
        ...world,
        browser: () =>
          wrapped === false
            ? new Browser(
                (request: Request) => bare.handlers[request.method === "POST" ? "POST" : "GET"](request),
                "app",
                { "x-auth-return-redirect": "1" },
              )
            : world.browser(),
        again: make,
        sessionInPage: (browser) =>
          sessionInComponent(world, browser) as Promise<Record<string, unknown> | null>,
      };
    };
    return make({});
  },
});

it("auth() shows the user's whole row, as Auth.js does, and the browser what Auth.js shows it", async () => {
  const world = (await createWorld()).copy({
    auth: { adapter: memoryAdapter().methods },
  });
  const alice = world.browser();
  await alice.signIn("alice");

  expect(await sessionInComponent(world, alice)).toMatchObject({
    user: { id: expect.any(String) as string, name: "alice", emailVerified: null },
    userId: expect.any(String) as string,
    accessTokenExpiresIn: 60,
  });
  const shown = await alice.session();
  expect(Object.keys(shown).sort()).toEqual([
    "accessTokenExpires",
    "accessTokenExpiresIn",
    "expires",
    "tokenState",
    "user",
  ]);
  expect(shown["user"]).toEqual({ name: "alice", email: "alice@example.com" });
});
