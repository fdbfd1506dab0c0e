import { describeLiveSessions, type LiveApp } from "../next-auth/support/live-sessions.ts";
import { SESSION_COOKIE, createWorld, strictProvider } from "./support/world.ts";

describeLiveSessions({
  cookie: SESSION_COOKIE,
  async createApp({ other, adapter, strategy }) {
    const base = await createWorld();
    const make = (options = {}): LiveApp => {
      const world = base.copy({
        auth: {
          providers: [strictProvider(base.server), strictProvider(other, { id: "other" })],
          session: { strategy },
          adapter: adapter,
        },
        options: {
          ...options,
          providers: {
            strict: { revocationEndpoint: base.server.revocationEndpoint },
            other: { revocationEndpoint: other.revocationEndpoint },
          },
        },
      });
      return { ...world, again: make };
    };
    return make();
  },
});
