import { describeSeveralGrants } from "../next-auth/support/several-grants.ts";
import { SESSION_COOKIE, createWorld, jwtOf, strictProvider } from "./support/world.ts";

describeSeveralGrants({
  cookie: SESSION_COOKIE,
  jwtOf,
  async createApp({ other, adapter, options, more }) {
    const base = await createWorld();
    const elsewhere = ["other", ...more];
    return base.copy({
      auth: {
        providers: [strictProvider(base.server), ...elsewhere.map((id) => strictProvider(other, { id }))],
        session: { strategy: "jwt" },
        ...(adapter && { adapter: adapter }),
      },
      options: {
        ...options,
        providers: {
          strict: { revocationEndpoint: base.server.revocationEndpoint },
          ...Object.fromEntries(
            elsewhere.map((id) => [id, { revocationEndpoint: other.revocationEndpoint }]),
          ),
        },
      },
    });
  },
});
