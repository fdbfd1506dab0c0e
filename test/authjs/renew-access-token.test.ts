import { describe, expect, it } from "vitest";
import { LIFETIME_MS, createWorld, inServerAction, pass } from "./support/world.ts";

describe("renewAccessToken under Auth.js v5", () => {
  it("gives each of two users a new token, once for all who ask at the same time (F39, I1, I8)", async () => {
    const world = await createWorld();
    const [alice, bob] = [world.browser(), world.browser()];
    await alice.signIn("alice");
    await bob.signIn("bob");
    const { accessToken: before } = await world.getAccessToken(alice.pageRequest());
    pass(LIFETIME_MS / 4);

    const renewed = await Promise.all([
      world.renewAccessToken(alice.pageRequest()),
      inServerAction(alice, () => world.renewAccessToken()),
      world.renewAccessToken(bob.pageRequest()),
    ]);

    expect(renewed.map(({ accessToken }) => world.server.userOf(accessToken))).toEqual([
      "alice",
      "alice",
      "bob",
    ]);
    expect(renewed[0]).toEqual(renewed[1]);
    expect(renewed[0].accessToken).not.toBe(before);
    expect(world.refreshes()).toBe(2);
  });
});
