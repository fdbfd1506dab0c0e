import { describe, expect, it } from "vitest";

import { MAX_HOLD_MS, createHeldWork } from "../../src/core/held-work.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import {
  ALICE,
  BOB,
  HOUR_MS,
  MINUTE_MS,
  SECOND_MS,
  isSettled,
  scenario,
  type Scenario,
  type Server,
} from "./support/scenario.ts";

/** A host that freezes the process after the response, and offers nothing to keep it awake. */
const freezing = { background: (task: Promise<void>): Promise<void> => task };
/** A host that lives on, or whose `waitUntil` keeps it awake. */
const awake = { background: (): undefined => undefined };

/** Time in which many a call may end, and none has to. */
async function endsWithin({ clock }: Scenario, call: Promise<unknown>, durationMs: number): Promise<boolean> {
  await clock.advance(durationMs);
  return isSettled(clock, call);
}

async function due(
  options: typeof freezing | typeof awake | Record<string, never>,
): Promise<Scenario & { one: Server }> {
  const world = scenario({ lifetimeMs: HOUR_MS });
  await world.signInBoth();
  await world.clock.advance(55 * MINUTE_MS);
  return { ...world, one: world.server(options) };
}

describe("a call on a host that freezes the process after the response", () => {
  it("does not end before the refresh that it began in the background is stored (S3, I4)", async () => {
    const world = await due(freezing);
    const { as, one, row } = world;
    as.latencyMs = 2 * SECOND_MS;
    const call = one.token(ALICE);

    expect(await endsWithin(world, call, 1_900)).toBe(false);
    expect(await endsWithin(world, call, 200)).toBe(true);
    expect([await call, (await row(ALICE)).version]).toEqual(["at.alice.1", 2]);
  });

  it("does not end before an answer that is late is stored, whether it is served or refused meanwhile (I4, S3)", async () => {
    for (const afterMs of [55 * MINUTE_MS, 2 * HOUR_MS]) {
      const world = scenario({ lifetimeMs: HOUR_MS });
      await world.signInBoth();
      await world.clock.advance(afterMs);
      const { as, eventsOf, row } = world;
      const one = world.server({ ...freezing, refreshDeadlineMs: 3_000 });
      as.failNext({ hang: "deaf", afterMs: 20 * SECOND_MS, commits: true });
      const call = one.token(ALICE, { maxWaitMs: 2_000 });

      expect(await endsWithin(world, call, 19_000)).toBe(false);
      expect(await endsWithin(world, call, 2_000)).toBe(true);
      expect([eventsOf("late_answer").length, (await row(ALICE)).version]).toEqual([1, 2]);
    }
  });

  it("does not end before a candidate is kept that the store did not take at first (I4, S5)", async () => {
    const world = await due(freezing);
    const { clock, as, one, row, store, server } = world;
    as.rotation = "grace_forks";
    as.graceMs = HOUR_MS;
    as.latencyMs = SECOND_MS;
    one.store.break("addCandidate", "fail", 4);
    const call = one.token(ALICE);
    await clock.settle();
    // Somebody else commits in the meantime.
    await store.releaseLease(ALICE, (await row(ALICE)).lease!, { intent: null });
    as.latencyMs = 100;
    await server().manager.getAccessToken(ALICE);
    await clock.advance(900);
    expect((await row(ALICE)).version).toBe(2);

    expect(await endsWithin(world, call, 300)).toBe(false);
    await clock.advance(5 * SECOND_MS);
    expect(await isSettled(clock, call)).toBe(true);
    expect((await row(ALICE)).candidates).toHaveLength(1);
  });

  it("does not end before the tokens of a sign-out are revoked, and what it was told stays true (I16)", async () => {
    const world = await due(freezing);
    const { as, one, row } = world;
    as.revokeOutcome = "failed";
    const ended = one.manager.endGrant(ALICE, "signed_out", { revoke: true });
    expect(await endsWithin(world, ended, SECOND_MS)).toBe(false);
    expect((await row(ALICE)).state).toBe("ended");
    as.revokeOutcome = "revoked";

    expect(await endsWithin(world, ended, 2 * SECOND_MS)).toBe(true);
    expect([await ended, as.revoked, (await row(ALICE)).sealedTokenSet]).toEqual([true, ["rt.alice.1"], ""]);
  });

  it("that fails does so with its own error, after the work that it began (I16, SEC-87)", async () => {
    const world = await due(freezing);
    const { clock, one, row } = world;
    one.store.break("end", "fail", 3);
    const failed = one.manager.endGrant(BOB, "signed_out", { revoke: false });
    failed.catch(() => undefined);

    expect(await endsWithin(world, failed, 500)).toBe(false);
    await clock.advance(10 * SECOND_MS);
    expect(await isSettled(clock, failed)).toBe(true);
    await expect(failed).rejects.toMatchObject({ code: "store_failed" });
    expect((await row(BOB)).state).toBe("ended");
  });

  it("waits for its own work only, not for that of calls before it (I11)", async () => {
    const world = await due(freezing);
    const { clock, as, one } = world;
    as.latencyMs = 20 * SECOND_MS;
    const earlier = one.token(ALICE);
    await clock.settle();

    expect(await isSettled(clock, one.token(BOB, { mayRefresh: false }))).toBe(true);
    expect(await isSettled(clock, earlier)).toBe(false);
    expect(await endsWithin(world, earlier, 21 * SECOND_MS)).toBe(true);
  });

  it("waits for two minutes at the most, whatever hangs (I11)", async () => {
    const world = scenario({ lifetimeMs: HOUR_MS });
    await world.signInBoth();
    const { clock, as } = world;
    await clock.advance(55 * MINUTE_MS);
    const one = world.server({ ...freezing, refreshDeadlineMs: 3_000 });
    as.failAlways({ hang: "deaf" });
    const call = one.token(ALICE);

    expect(MAX_HOLD_MS).toBe(120_000);
    expect(await endsWithin(world, call, MAX_HOLD_MS - 1)).toBe(false);
    expect(await endsWithin(world, call, 1)).toBe(true);
    expect(await call).toBe("at.alice.1");
  });
});

describe("a call on any other host", () => {
  it.each([
    ["that says nothing", {}],
    ["that is kept awake", awake],
  ])("%s waits for nothing in the background", async (_, options) => {
    const { clock, as, one, row } = await due(options);
    as.latencyMs = 2 * SECOND_MS;
    as.revokeOutcome = "failed";

    const calls = Promise.all([
      one.token(ALICE),
      one.manager.endGrant(BOB, "signed_out", { revoke: true }),
      one.manager.view(ALICE),
    ]);

    expect(await isSettled(clock, calls)).toBe(true);
    await clock.advance(3 * SECOND_MS);
    expect((await row(ALICE)).version).toBe(2);
  });
});

describe("background work", () => {
  it("that fails is nobody's error: neither a rejection nor the call's (SEC-87)", async () => {
    const clock = new FakeClock();
    const held = createHeldWork((task) => task, clock);

    const answer = await held.during(async () => {
      held.add(Promise.reject(new Error("nobody listens")));
      return "served";
    });

    expect([answer, clock.pendingSleeps]).toEqual(["served", 0]);
  });

  it("is waited for together with what it begins in turn", async () => {
    const clock = new FakeClock();
    const held = createHeldWork((task) => task, clock);
    const done: string[] = [];
    const call = held.during(async () => {
      held.add(
        clock.sleep(SECOND_MS).then(() => {
          done.push("first");
          held.add(clock.sleep(SECOND_MS).then(() => done.push("second")));
        }),
      );
    });

    await clock.advance(SECOND_MS);
    expect([await isSettled(clock, call), done]).toEqual([false, ["first"]]);
    await clock.advance(SECOND_MS);
    expect([await isSettled(clock, call), done]).toEqual([true, ["first", "second"]]);
    expect(clock.pendingSleeps).toBe(0);
  });
});
