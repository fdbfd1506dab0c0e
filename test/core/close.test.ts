import { describe, expect, it } from "vitest";

import { ALICE, BOB, HOUR_MS, MINUTE_MS, SECOND_MS, isSettled, scenario } from "./support/scenario.ts";

describe("closing", () => {
  it("waits for the refreshes under way, so that their tokens are stored, then closes the store (X17, I4)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { token, manager, store } = server();
    as.hold();
    await clock.advance(55 * MINUTE_MS);
    await Promise.all([token(ALICE), token(BOB)]);

    const closed = manager.close();
    await clock.advance(3 * SECOND_MS);
    expect([await isSettled(clock, closed), store.count("close")]).toEqual([false, 0]);
    as.release();

    expect(await isSettled(clock, closed)).toBe(true);
    expect(store.calls.at(-1)).toBe("close");
    expect([(await row(ALICE)).version, (await row(BOB)).version]).toEqual([2, 2]);
  });

  it("stores what waits in memory, even if the store has come back only now (I4, S4)", async () => {
    const { clock, server, signInBoth, row } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const { token, manager, store } = server();
    await clock.advance(2 * MINUTE_MS);
    store.break("commit", "fail");
    const call = token(ALICE, { maxWaitMs: 30_000 });
    await clock.advance(15 * SECOND_MS);
    expect([await call, (await row(ALICE)).version]).toEqual(["at.alice.2", 1]);

    store.mend();
    await manager.close();

    expect((await row(ALICE)).version).toBe(2);
  });

  it("does not wait longer than it is told, nor for a store that hangs (I11)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { token, manager, store } = server();
    as.failAlways({ hang: "deaf" });
    await clock.advance(55 * MINUTE_MS);
    await token(ALICE);
    store.break("close", "hang");

    const closed = manager.close(2_000);
    await clock.advance(1_999);
    expect([await isSettled(clock, closed), store.count("close")]).toEqual([false, 0]);
    await clock.advance(3_001);

    expect(await isSettled(clock, closed)).toBe(true);
    await closed;
  });

  it("is done at once when nothing is under way, and leaves no timer behind", async () => {
    const { clock, server, signInBoth } = scenario();
    await signInBoth();
    const { token, manager } = server();
    await token(ALICE);

    expect(await isSettled(clock, manager.close())).toBe(true);
    expect(clock.pendingSleeps).toBe(0);
  });
});

describe("work that is done", () => {
  it("leaves no timer, flight or pending entry behind, whatever came of it (I11)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const servers = [server(), server()];
    as.failNext(
      { hang: "until_abort" },
      { answer: { kind: "unknown", code: "http_503", answered: true } },
      { answer: { kind: "not_sent", code: "ENOTFOUND" } },
    );
    await clock.advance(2 * MINUTE_MS);
    for (let second = 0; second < 60; second++) {
      for (const { token } of servers) void Promise.all([token(ALICE), token(BOB)]);
      await clock.advance(SECOND_MS);
    }
    await clock.advance(MINUTE_MS);

    expect(as.inFlight).toBe(0);
    expect(clock.pendingSleeps).toBe(0);
    for (const { shared } of servers)
      expect([shared.flights.size, shared.pendingRotations.size]).toEqual([0, 0]);
  });
});
