import { getServerSession, type AuthOptions } from "next-auth";
import { SESSION_COOKIE } from "./support/browser.ts";
import type { DatabaseApp, DatabaseChanges } from "./support/database-app.ts";
import { describeDatabaseSessions } from "./support/database-sessions.ts";
import { backendProvider, createWorld, strictProvider } from "./support/world.ts";

describeDatabaseSessions({
  name: "v4",
  cookie: SESSION_COOKIE,
  oidcProvider: (id, issuer) => ({
    id,
    name: id,
    type: "oauth",
    wellKnown: `${issuer}/.well-known/openid-configuration`,
    issuer,
    authorization: { params: { scope: "openid profile email offline_access" } },
    checks: ["pkce", "state"],
    idToken: true,
    profile: ({ sub, name, email }: Record<string, string>) => ({ id: sub, name, email }),
    clientId: "app",
    clientSecret: "client-secret-of-app",
  }),
  async createApp(adapter, other) {
    const base = await createWorld();
    const make = (changes: DatabaseChanges): DatabaseApp => {
      const { options, providers = [], auth, session, adapter: around, wrapped } = changes;
      const world = base.copy({
        ...(wrapped !== undefined && { wrapped }),
        auth: {
          providers: [
            strictProvider(base.server),
            strictProvider(other, { id: "other" }),
            backendProvider((user) => ({ id: user, tokens: { access_token: "a-token", expires_in: 60 } })),
            ...(providers as never[]),
          ],
          adapter: around?.(adapter) ?? adapter,
          ...(session && { session: session }),
          ...auth,
        },
        options: {
          ...options,
          providers: { other: { revocationEndpoint: other.revocationEndpoint } },
        },
      });
      return {
        ...world,
        browser: () => world.browser("app"),
        again: make,
        sessionInPage: (browser) =>
          browser.inServerComponent(() =>
            getServerSession<AuthOptions, Record<string, unknown>>(world.authOptions),
          ),
      };
    };
    return make({});
  },
});
