/** A store that comes back: whoever has newer tokens in memory goes first (S4, I4, I5). */
import { describe, expect, it } from "vitest";

import {
  ALICE,
  BOB,
  HOUR_MS,
  MINUTE_MS,
  SECOND_MS,
  scenario,
  type Scenario,
  type Server,
} from "./support/scenario.ts";

interface Outage extends Scenario {
  readonly one: Server;
  readonly two: Server;
}

/** Alice's tokens are in the memory of one server, as the store has been away for everybody since the answer came. */
async function outage(lifetimeMs: number, fault: "fail" | "hang", outageMs: number): Promise<Outage> {
  const world = scenario({ lifetimeMs });
  const { as, clock, server } = world;
  await world.signInBoth();
  const [one, two] = [server(), server()];
  await clock.advance(lifetimeMs - 10 * SECOND_MS);
  as.hold();
  void one.token(ALICE);
  await clock.settle();
  for (const { store } of [one, two]) store.breakAll(fault);
  as.release();
  for (let second = 0; second < outageMs / SECOND_MS; second++) {
    void two.token(BOB);
    await clock.advance(SECOND_MS);
  }
  expect(world.eventsOf("tokens_pending")).toHaveLength(1);
  return { ...world, one, two };
}

describe("a store that comes back while one process has newer tokens in its memory", () => {
  it.each([
    [HOUR_MS, "fail", 3 * MINUTE_MS],
    [MINUTE_MS, "fail", 40 * SECOND_MS],
    [HOUR_MS, "hang", 3 * MINUTE_MS],
    [MINUTE_MS, "hang", 40 * SECOND_MS],
  ] as const)(
    "gets them before anybody sends the old refresh token: life %i ms, %s, %i ms (S4, I12, I21)",
    async (lifetimeMs, fault, outageMs) => {
      const { as, clock, one, two, eventsOf } = await outage(lifetimeMs, fault, outageMs);
      for (const { store } of [one, two]) store.mend();
      const calls = [two.token(ALICE), one.token(ALICE), two.token(BOB)];
      await clock.advance(6 * SECOND_MS);

      for (const [index, user] of ["alice", "alice", "bob"].entries())
        expect(await calls[index]).toMatch(new RegExp(`^at.${user}.[23]$`));
      expect(as.sent.filter((token) => token === "rt.alice.1")).toHaveLength(1);
      expect([as.replayed, eventsOf("grant_ended")]).toEqual([[], []]);
    },
  );

  it("is waited for within the wait of a caller, and then the outcome is found out if the other has died (I11, I20)", async () => {
    const { as, clock, one, two } = await outage(HOUR_MS, "fail", 3 * MINUTE_MS);
    one.freeze();
    two.store.mend();
    const call = two.token(ALICE);
    await clock.advance(5 * SECOND_MS);

    expect(as.sent.filter((token) => token.includes("alice"))).toEqual(["rt.alice.1", "rt.alice.1"]);
    expect(await call).toMatch(/reauthentication_required/);
  });

  it("is not waited for longer than half a minute where the store goes on failing now and then (I11, I20)", async () => {
    const { as, clock, one, two } = await outage(HOUR_MS, "fail", 3 * MINUTE_MS);
    one.freeze();
    two.store.mend();
    two.store.break("slide", "fail");
    for (let second = 0; second < 40; second += 2) {
      void two.manager.view(BOB);
      two.store.break("scan", "fail");
      void two.manager.resealGrants().catch(() => undefined);
      void two.token(ALICE);
      await clock.advance(2 * SECOND_MS);
    }

    expect(as.sent.filter((token) => token === "rt.alice.1")).toHaveLength(2);
  });

  it("keeps nobody from refreshing whose refresh nobody else has begun (I20)", async () => {
    const { as, clock, two } = await outage(HOUR_MS, "fail", 3 * MINUTE_MS);
    two.store.mend();
    const call = two.token(BOB);
    await clock.settle();

    expect(await call).toBe("at.bob.2");
    expect(as.sent).toContain("rt.bob.1");
  });
});
