import { describe, expect, it } from "vitest";
import { SESSION_COOKIE } from "./support/browser.ts";
import { captureConsole } from "./support/console.ts";
import { memoryAdapter } from "./support/memory-adapter.ts";
import { describeSeveralGrants } from "./support/several-grants.ts";
import { backendProvider, createWorld, jwtOf, strictProvider } from "./support/world.ts";

describe.each(["pages", "app"] as const)("in the %s router", (form) => {
  describeSeveralGrants({
    cookie: SESSION_COOKIE,
    jwtOf,
    async createApp({ other, adapter, options, more }) {
      const base = await createWorld();
      const elsewhere = ["other", ...more];
      const world = base.copy({
        auth: {
          providers: [strictProvider(base.server), ...elsewhere.map((id) => strictProvider(other, { id }))],
          session: { strategy: "jwt" },
          ...(adapter && { adapter: adapter }),
        },
        options: {
          ...options,
          providers: Object.fromEntries(
            elsewhere.map((id) => [id, { revocationEndpoint: other.revocationEndpoint }]),
          ),
        },
      });
      return { ...world, browser: () => world.browser(form) };
    },
  });
});

describe("a Credentials login in a browser that is signed in", () => {
  const scene = async (options = {}) => {
    // It says once that the login brought no refresh token.
    captureConsole();
    const base = await createWorld();
    const adapter = memoryAdapter();
    const ids = new Map<string, string>();
    const world = base.copy({
      auth: {
        providers: [
          strictProvider(base.server),
          backendProvider((user) => ({
            id: ids.get(user) ?? user,
            name: user,
            ...(user === "carol" && { tokens: { access_token: "token-of-carol", expires_in: 60 } }),
          })),
        ],
        adapter: adapter.methods,
        session: { strategy: "jwt" },
      },
      options,
    });
    const browser = world.browser();
    await browser.signIn("alice");
    for (const { id } of adapter.users.values()) ids.set("carol", id).set("plain", id);
    return { world, browser };
  };

  it("is somebody else's, though the backend calls them as the adapter does (SEC-45)", async () => {
    const { world, browser } = await scene();

    await browser.signInWithPassword({ user: "carol" });

    expect(world.eventsOf("grant_ended")).toMatchObject([{ provider: "strict", reason: "replaced" }]);
    await expect(world.getAccessToken(browser.pageRequest(), { provider: "strict" })).rejects.toMatchObject({
      code: "no_token",
    });
  });

  it("adds to the session where the application says so, and one without tokens leaves it as it is", async () => {
    const { world, browser } = await scene({
      isSameUser: (before: { sub?: string }, now: { sub?: string }) => before.sub === now.sub,
    });

    await browser.signInWithPassword({ user: "carol" });
    await browser.signInWithPassword({ user: "plain" });

    expect(world.eventsOf("grant_ended")).toEqual([]);
    const own = await world.getAccessToken(browser.pageRequest());
    const backend = await world.getAccessToken(browser.pageRequest(), { provider: "backend" });
    expect(world.server.userOf(own.accessToken)).toBe("alice");
    expect(backend.accessToken).toBe("token-of-carol");
  });
});
