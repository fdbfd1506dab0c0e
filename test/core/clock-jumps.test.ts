import { describe, expect, it } from "vitest";

import { DEFAULT_LIMITS } from "../../src/core/engine.ts";
import { pauseLeftMs } from "../../src/core/refresh-attempt.ts";
import type { GrantRecord } from "../../src/core/grant.ts";
import {
  ALICE,
  BOB,
  DAY_MS,
  HOUR_MS,
  MINUTE_MS,
  SECOND_MS,
  isSettled,
  scenario,
} from "./support/scenario.ts";

const failed = { answer: { kind: "unknown", code: "http_503", answered: true } } as const;

describe("a clock that jumps", () => {
  it("by eight hours while no timer fires: the next caller gets a fresh token (F22, F24, X57)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { token } = server();
    clock.jump(8 * HOUR_MS);

    const calls = [token(ALICE), token(BOB), token(ALICE)];

    await clock.settle();
    expect(await Promise.all(calls)).toEqual(["at.alice.2", "at.bob.2", "at.alice.2"]);
    expect(as.sent).toHaveLength(2);
  });

  it("back by an hour while a caller waits does not make it wait for an hour (I11, I17, X19)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: 5 * MINUTE_MS });
    await signInBoth();
    const { token } = server();
    await clock.advance(10 * MINUTE_MS);
    as.failAlways({ hang: "deaf" });
    const calls = [token(ALICE, { maxWaitMs: 5_000 }), token(BOB, { maxWaitMs: 5_000 })];
    await clock.advance(SECOND_MS);

    clock.jump(-HOUR_MS);
    await clock.advance(4 * SECOND_MS);

    // Set back, the wall clock says that the old tokens are good again: nobody can tell, and nobody waits.
    expect(await isSettled(clock, Promise.all(calls))).toBe(true);
  });

  it("back by an hour does not stop refreshing: no pause lasts longer, and an intent as long as a request may (I17, X21)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: 5 * MINUTE_MS });
    await signInBoth();
    const { token } = server();
    await clock.advance(2 * HOUR_MS);
    as.failNext(failed, { answer: { kind: "unknown", code: "reset", answered: false } });
    await Promise.all([token(ALICE, { maxWaitMs: 0 }), token(BOB, { maxWaitMs: 0 })]);
    await clock.settle();

    clock.jump(-HOUR_MS);
    await clock.advance(0);

    expect(await token(ALICE)).toBe("at.alice.2");
    // How long ago his was sent nobody knows: it may still win.
    expect(await token(BOB)).toBe("refresh_unavailable:unresolved_refresh");
    await clock.advance(61 * SECOND_MS);
    expect(await token(BOB)).toBe("at.bob.2");
  });

  it("back by an hour kills no session whose refresh is under way at a strict server (I6, I21, X21, X39)", async () => {
    const { clock, as, server, signInBoth, eventsOf } = scenario({ lifetimeMs: 5 * MINUTE_MS });
    await signInBoth();
    const [slow, other] = [server(), server()];
    await clock.advance(2 * HOUR_MS);
    as.hold();
    void slow.token(ALICE);
    await clock.settle();
    slow.freeze();
    clock.jump(-HOUR_MS);
    await clock.advance(10 * SECOND_MS);

    const calls = Promise.all([other.token(ALICE), other.token(BOB)]);
    await clock.settle();
    as.release();
    expect(await calls).toEqual(["refresh_unavailable:unresolved_refresh", "at.bob.2"]);
    slow.thaw();
    await clock.advance(61 * SECOND_MS);

    expect(await other.token(ALICE)).toBe("at.alice.2");
    expect([as.replayed, eventsOf("grant_ended")]).toEqual([[], []]);
  });

  it("leaves pauses alone that can be true", () => {
    const grant = { backoff: { untilMs: 660_000, failures: 1, code: "http_429" } } as GrantRecord;

    expect([pauseLeftMs(grant, 0), pauseLeftMs(grant, -1), pauseLeftMs(grant, 700_000)]).toEqual([
      660_000, 0, 0,
    ]);
  });

  it("back: an API's rejection weighs more than the clock (F26)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: 5 * MINUTE_MS });
    await signInBoth();
    const { manager, token } = server();
    expect(await token(ALICE)).toBe("at.alice.1");

    clock.jump(-HOUR_MS);
    const renewed = await manager.renewRejected(ALICE, "at.alice.1");

    expect(renewed?.accessToken).toBe("at.alice.2");
    expect(await manager.renewRejected(ALICE, "at.alice.2")).toBeUndefined();
    expect(as.sent).toHaveLength(1);
  });

  it.each([-10 * MINUTE_MS, 10 * MINUTE_MS])(
    "on one server of two by %i ms: no refresh loop and no lost session (F26, X20)",
    async (skewMs) => {
      const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
      await signInBoth();
      const right = server();
      const skewed = server({ skewMs });
      for (let tick = 0; tick < 5 * 60; tick++) {
        await clock.advance(MINUTE_MS);
        const answers = [right.token(ALICE), skewed.token(ALICE), skewed.token(BOB)];
        await clock.settle();
        expect((await Promise.all(answers)).every((answer) => answer.startsWith("at."))).toBe(true);
      }

      expect(as.requestsOf("alice")).toBeGreaterThanOrEqual(5);
      expect(as.requestsOf("alice")).toBeLessThanOrEqual(8);
      expect(as.replayed).toEqual([]);
    },
  );
});

describe("a token of 60 days", () => {
  it("is not refreshed before its end is near, and then once (F25)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: 60 * DAY_MS });
    await signInBoth();
    const { token, manager } = server({ slidingLifetimeMs: 90 * DAY_MS });
    for (let day = 0; day < 29; day++) {
      expect(await token(ALICE)).toBe("at.alice.1");
      await manager.view(ALICE);
      await clock.advance(DAY_MS);
    }
    expect(as.sent).toEqual([]);
    for (let day = 29; day < 61; day++) {
      await manager.view(ALICE);
      await clock.advance(DAY_MS);
    }

    expect(await token(ALICE)).toBe("at.alice.2");
    expect(as.sent).toEqual(["rt.alice.1"]);
  });
});

describe("the store", () => {
  it("judges leases by its own clock, not by that of a server (X20)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const right = server();
    const ahead = server({ skewMs: 60 * SECOND_MS });
    as.latencyMs = 30 * SECOND_MS;
    await clock.advance(55 * MINUTE_MS);
    await right.token(ALICE);
    for (let second = 0; second < 25; second++) {
      await clock.advance(SECOND_MS);
      await ahead.token(ALICE);
    }

    expect(as.sent).toEqual(["rt.alice.1"]);
    expect(DEFAULT_LIMITS.leaseMs).toBeLessThan(25 * SECOND_MS);
  });
});
