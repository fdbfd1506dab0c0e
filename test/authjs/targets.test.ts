import { describe, expect, it } from "vitest";
import { createWorld, pass, LIFETIME_MS } from "./support/world.ts";

const ORDERS = "https://orders.example.com";

describe("getAccessToken for another API, in a v5 app", () => {
  it.each([{ resource: ORDERS }, { audience: ORDERS }])(
    "gives that API's token by %j, in a page and in a server component, to each user their own (SEC-47)",
    async (target) => {
      const world = await createWorld();
      const [alice, bob] = [world.browser(), world.browser()];
      await alice.signIn("alice");
      await bob.signIn("bob");

      for (let lifetime = 0; lifetime < 2; lifetime++) {
        const tokens = await Promise.all([
          world.getAccessToken(alice.pageRequest(), target),
          alice.inServerComponent(() => world.getAccessToken(target)),
          world.getAccessToken({ req: bob.nodeRequest() }, target),
          world.getAccessToken(alice.pageRequest(), { ...target, provider: "strict" }),
        ]);
        const whose = tokens.map(({ accessToken }) => [
          world.server.userOf(accessToken),
          world.server.audienceOf(accessToken),
        ]);
        expect(whose).toEqual([
          ["alice", ORDERS],
          ["alice", ORDERS],
          ["bob", ORDERS],
          ["alice", ORDERS],
        ]);
        pass(LIFETIME_MS);
      }

      expect(world.server.requests.some(({ outcome }) => outcome === "reused")).toBe(false);
    },
  );

  it("refuses a scope that was not granted, and the sign-in's own token goes on (SEC-38, I6)", async () => {
    const world = await createWorld();
    const alice = world.browser();
    await alice.signIn("alice");

    await expect(world.getAccessToken(alice.pageRequest(), { scope: "admin" })).rejects.toMatchObject({
      code: "refresh_unavailable",
      causeCode: "wider_scope",
    });

    const { accessToken } = await world.getAccessToken(alice.pageRequest());
    expect(world.server.userOf(accessToken)).toBe("alice");
  });
});
