import { describe, expect, it } from "vitest";

import { ALICE, BOB, HOUR_MS, MINUTE_MS, SECOND_MS, isSettled, scenario } from "./support/scenario.ts";

describe("an access token that an API has rejected", () => {
  it("twenty times in parallel on two servers is renewed once, and all twenty get the new one (F39)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    as.latencyMs = SECOND_MS;
    const servers = [server(), server()];
    await clock.advance(10 * MINUTE_MS);

    const calls = Array.from({ length: 20 }, (_, index) =>
      servers[index % 2]!.manager.renewRejected(ALICE, "at.alice.1"),
    );
    await clock.advance(2 * SECOND_MS);

    const renewed = await Promise.all(calls);
    expect(renewed.map((issued) => issued?.accessToken)).toEqual(
      Array.from({ length: 20 }, () => "at.alice.2"),
    );
    expect(as.sent).toEqual(["rt.alice.1"]);
    expect(await servers[0]!.token(BOB)).toBe("at.bob.1");
  });

  it("is answered from the store when somebody has renewed it before, without a request (F11)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const [one, two] = [server(), server()];
    await clock.advance(10 * MINUTE_MS);
    await one.manager.renewRejected(ALICE, "at.alice.1");

    for (const laterMs of [1, 3_000, 9_000]) {
      await clock.advance(laterMs);
      expect((await two.manager.renewRejected(ALICE, "at.alice.1"))?.accessToken).toBe("at.alice.2");
    }
    expect(as.sent).toHaveLength(1);
  });

  it("is waited for no longer than the caller said, whatever the wait was for (I11)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const { manager } = server();
    await clock.advance(30 * SECOND_MS);
    as.overrides = { expiresAtMs: clock.nowMs() + 1 };
    as.latencyMs = 2 * SECOND_MS;
    const renewed = manager.renewRejected(ALICE, "at.alice.1", { maxWaitMs: 3 * SECOND_MS });
    renewed.catch(() => undefined);
    await clock.advance(2 * SECOND_MS);
    expect(await isSettled(clock, renewed)).toBe(false);
    await clock.advance(SECOND_MS);

    expect(await isSettled(clock, renewed)).toBe(true);
  });

  it("again and again, by an API that rejects everything, makes a bounded number of requests (SEC-71)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const servers = [server(), server()];
    await clock.advance(10 * MINUTE_MS);
    let undone = 0;
    for (let second = 0; second < 300; second++) {
      for (const { manager, token } of servers) {
        const rejected = await token(ALICE);
        if ((await manager.renewRejected(ALICE, rejected)) === undefined) undone++;
      }
      await clock.advance(SECOND_MS);
    }

    expect(as.sent.length).toBeLessThanOrEqual(11);
    expect(as.replayed).toEqual([]);
    expect(undone).toBeGreaterThan(500);
  });

  it.each([
    ["young", HOUR_MS, 29 * SECOND_MS, 30 * SECOND_MS],
    ["young for its life", MINUTE_MS, 14 * SECOND_MS, 15 * SECOND_MS],
  ])(
    "is not renewed while it is %s: the next would be rejected too (SEC-71)",
    async (_, lifetimeMs, youngMs, oldMs) => {
      const { clock, as, server, signInBoth } = scenario({ lifetimeMs });
      await signInBoth();
      const { manager } = server();
      await clock.advance(youngMs);
      expect(await manager.renewRejected(ALICE, "at.alice.1")).toBeUndefined();
      await clock.advance(oldMs - youngMs);

      expect((await manager.renewRejected(ALICE, "at.alice.1"))?.accessToken).toBe("at.alice.2");
      expect(as.sent).toHaveLength(1);
    },
  );

  it("has nothing newer when the refresh fails, the grant has ended, is unknown or cannot be refreshed", async () => {
    const { clock, as, server, signInBoth, signIn } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    await signIn("carol", "k1.carol-expired-rt", { refreshTokenExpiresAtMs: clock.nowMs() + MINUTE_MS });
    const { manager, store } = server();
    await clock.advance(10 * MINUTE_MS);
    as.failNext({ answer: { kind: "unknown", code: "http_503", answered: true } });

    expect(await manager.renewRejected(ALICE, "at.alice.1")).toBeUndefined();
    expect(await manager.renewRejected("k1.nobody", "at.alice.1")).toBeUndefined();
    expect(await manager.renewRejected("k1.carol-expired-rt", "at.carol.1")).toBeUndefined();
    await manager.endGrant(BOB, "signed_out", { revoke: false });
    expect(await manager.renewRejected(BOB, "at.bob.1")).toBeUndefined();
    await manager.view(ALICE, { mayRefresh: false });
    store.breakAll("fail");
    expect(await manager.renewRejected(ALICE, "at.alice.1")).toBeUndefined();
    expect(as.sent).toEqual(["rt.alice.1"]);
  });

  it("costs one refresh where the server issues the same token again, even without a least age (SEC-71, I10)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { manager } = server({ minForcedAgeMs: 0 });
    as.overrides = { accessToken: "at.alice.1" };
    await clock.advance(10 * MINUTE_MS);

    expect(await manager.renewRejected(ALICE, "at.alice.1")).toBeUndefined();
    expect(as.sent).toHaveLength(1);
  });

  it("of a session past its absolute end is not renewed (SEC-12)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: 400 * 24 * HOUR_MS });
    await signInBoth();
    const { manager } = server();
    await clock.advance(31 * 24 * HOUR_MS);

    expect(await manager.renewRejected(ALICE, "at.alice.1")).toBeUndefined();
    expect(as.sent).toEqual([]);
  });

  it("waits for the renewal no longer than maxWaitMs (I11)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { manager } = server();
    as.hold();
    await clock.advance(10 * MINUTE_MS);

    const call = manager.renewRejected(ALICE, "at.alice.1", { maxWaitMs: 700 });
    await clock.advance(700);

    expect(await call).toBeUndefined();
    as.release();
    await clock.settle();
    expect((await manager.renewRejected(ALICE, "at.alice.1"))?.accessToken).toBe("at.alice.2");
  });
});
