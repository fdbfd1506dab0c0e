import { describe, expect, it } from "vitest";
import type { Browser } from "./support/browser.ts";
import { LIFETIME_MS, createWorld, pass, type World } from "./support/world.ts";

const OLD_MS = LIFETIME_MS / 4;

/** The ways to ask that differ: what they share is tested with `getAccessToken`. */
const FORMS: readonly [
  string,
  (world: World, browser: Browser, options?: object) => Promise<{ accessToken: string }>,
][] = [
  [
    "in a server component or action",
    (world, browser, options) => browser.inServerComponent(() => world.renewAccessToken(options as never)),
  ],
  ["with a NextRequest", (world, browser, options) => world.renewAccessToken(browser.pageRequest(), options)],
  [
    "with the Pages Router's request and response",
    (world, browser, options) => world.renewAccessToken(browser.nodeRequest(), {}, options),
  ],
  [
    "with the context of getServerSideProps",
    (world, browser, options) => world.renewAccessToken({ req: browser.nodeRequest() }, options),
  ],
];

describe.each(FORMS)("renewAccessToken %s", (_form, renew) => {
  it("gives each of two users a new token, once for all who ask at the same time (F39, I1, I8)", async () => {
    const { world, alice, bob } = await scene();
    const [before, beforeOfBob] = await Promise.all([tokenOf(world, alice), tokenOf(world, bob)]);
    pass(OLD_MS);

    const asked = Array.from({ length: 10 }, () => [renew(world, alice), renew(world, bob)]).flat();
    const tokens = new Set((await Promise.all(asked)).map(({ accessToken }) => accessToken));

    expect([...tokens].map((token) => world.server.userOf(token)).sort()).toEqual(["alice", "bob"]);
    expect(tokens.has(before) || tokens.has(beforeOfBob)).toBe(false);
    expect(tokens).toContain(await tokenOf(world, alice));
    expect(world.refreshes()).toBe(2);
  });

  it("returns a token that is too young to be renewed as it is (SEC-71)", async () => {
    const { world, alice } = await scene();
    const before = await tokenOf(world, alice);
    pass(OLD_MS - 1);

    expect((await renew(world, alice)).accessToken).toBe(before);
    expect(world.refreshes()).toBe(0);
  });

  it("takes the options of getAccessToken, and refuses who is not signed in", async () => {
    const { world, alice } = await scene();
    pass(OLD_MS);

    await expect(renew(world, alice, { provider: "other" })).rejects.toMatchObject({
      code: "invalid_option",
      option: "provider",
    });
    await expect(renew(world, alice, { minValidityMs: -1 })).rejects.toMatchObject({
      code: "invalid_option",
      option: "minValidityMs",
    });
    await expect(renew(world, world.browser())).rejects.toMatchObject({ code: "not_signed_in" });
    expect(world.refreshes()).toBe(0);
  });
});

describe("renewAccessToken", () => {
  it("renews nothing for a prefetch: that gets the token in hand (SEC-26)", async () => {
    const { world, alice } = await scene();
    const before = await tokenOf(world, alice);
    pass(OLD_MS);

    for (const headers of [{ "sec-purpose": "prefetch" }, { "next-router-prefetch": "1" }]) {
      const request = new Request("http://localhost:3000/page", {
        headers: { cookie: alice.cookieHeader, ...headers },
      });
      expect((await world.renewAccessToken(request)).accessToken).toBe(before);
    }
    expect(world.refreshes()).toBe(0);
  });

  it("rejects where the renewal fails, although the token in hand is good, and signs nobody out (I6)", async () => {
    const { world, alice } = await scene();
    const before = await tokenOf(world, alice);
    pass(OLD_MS);
    world.server.hold();

    await expect(world.renewAccessToken(alice.pageRequest(), { maxWaitMs: 30 })).rejects.toMatchObject({
      code: "refresh_unavailable",
      causeCode: "waiting",
    });
    expect(await tokenOf(world, alice)).toBe(before);
    world.server.release();
  });

  it("rejects after a sign-out, to the old cookie too (I7)", async () => {
    const { world, alice, bob } = await scene();
    const old = alice.copy();
    await alice.signOut();
    pass(OLD_MS);

    await expect(world.renewAccessToken(old.pageRequest())).rejects.toMatchObject({ code: "not_signed_in" });
    expect(world.server.userOf((await world.renewAccessToken(bob.pageRequest())).accessToken)).toBe("bob");
  });

  it("says by events that a renewal was forced", async () => {
    const { world, alice } = await scene();
    pass(OLD_MS);
    await world.renewAccessToken(alice.pageRequest());

    expect(world.eventsOf("refresh_started")).toMatchObject([{ door: "renew" }]);
  });
});

async function scene(): Promise<{ world: World; alice: Browser; bob: Browser }> {
  const world = await createWorld();
  const [alice, bob] = [world.browser(), world.browser()];
  await alice.signIn("alice");
  await bob.signIn("bob");
  return { world, alice, bob };
}

async function tokenOf(world: World, browser: Browser): Promise<string> {
  return (await world.getAccessToken(browser.pageRequest())).accessToken;
}
