import { SESSION_COOKIE } from "./support/browser.ts";
import { describeLiveSessions, type LiveApp } from "./support/live-sessions.ts";
import { createWorld, strictProvider } from "./support/world.ts";

describeLiveSessions({
  cookie: SESSION_COOKIE,
  async createApp({ other, adapter, strategy }) {
    const base = await createWorld();
    const make = (options = {}): LiveApp => {
      const world = base.copy({
        auth: {
          providers: [strictProvider(base.server), strictProvider(other, { id: "other" })],
          session: { strategy },
          adapter,
        },
        options: { ...options, providers: { other: { revocationEndpoint: other.revocationEndpoint } } },
      });
      return { ...world, browser: () => world.browser("app"), again: make };
    };
    return make();
  },
});
