import { describe, expect, it } from "vitest";

import { ALICE, BOB, HOUR_MS, MINUTE_MS, SECOND_MS, isSettled, scenario } from "./support/scenario.ts";

describe("a caller that needs a token of a certain life", () => {
  it("gets the token in hand if it lives that long, else a new one (F27, F38, I9)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { token, manager } = server();
    await clock.advance(20 * MINUTE_MS);

    expect(await token(ALICE, { minValidityMs: 40 * MINUTE_MS })).toBe("at.alice.1");
    expect(as.sent).toEqual([]);
    const issued = await manager.getAccessToken(ALICE, { minValidityMs: 40 * MINUTE_MS + 1 });
    expect(issued.accessToken).toBe("at.alice.2");
    expect(issued.expiresAtMs! - clock.nowMs()).toBeGreaterThanOrEqual(40 * MINUTE_MS + 1);
    expect(await token(BOB)).toBe("at.bob.1");
  });

  it("of 60 s does not loop for one of 30 s (F27)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const { token } = server();
    for (let second = 0; second < 600; second++) {
      const calls = [
        token(ALICE, { minValidityMs: 30 * SECOND_MS }),
        token(ALICE, { minValidityMs: 30 * SECOND_MS }),
      ];
      await clock.settle();
      expect((await Promise.all(calls)).every((answer) => answer.startsWith("at.alice."))).toBe(true);
      await clock.advance(SECOND_MS);
    }

    expect(as.sent.length).toBeLessThanOrEqual(20);
  });

  it.each([
    ["above the token's whole life", HOUR_MS, HOUR_MS + 1],
    ["as long as the token's whole life", HOUR_MS, HOUR_MS],
    ["so long that every call would refresh", 20 * SECOND_MS, 18 * SECOND_MS],
  ])(
    "%s is told the limit once the token has not that life, and nothing is sent (F38, I10)",
    async (_, lifetimeMs, minValidityMs) => {
      const { clock, as, server, signInBoth } = scenario({ lifetimeMs });
      await signInBoth();
      const { token, manager } = server();
      await clock.advance(3 * SECOND_MS);

      for (let call = 0; call < 20; call++) {
        expect(await token(ALICE, { minValidityMs })).toBe("invalid_option:minValidityMs");
      }
      await expect(manager.getAccessToken(ALICE, { minValidityMs })).rejects.toThrow(
        new RegExp(`must be at most ${lifetimeMs - Math.min(30_000, lifetimeMs / 4)} .*got ${minValidityMs}`),
      );
      expect(as.sent).toEqual([]);
      expect(await token(ALICE)).toBe("at.alice.1");
    },
  );

  it("at the limit makes at most one refresh per 30 s or quarter of a life, however often it asks (I10)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: 20 * SECOND_MS });
    await signInBoth();
    const servers = [server(), server()];
    const calls: Promise<string>[] = [];
    for (let tenth = 0; tenth < 600; tenth++) {
      for (const { token } of servers) calls.push(token(ALICE, { minValidityMs: 15 * SECOND_MS }));
      await clock.advance(100);
    }
    await clock.advance(SECOND_MS);

    for (const answer of await Promise.all(calls)) expect(answer).toMatch(/^at\.alice\./);
    expect(as.sent.length).toBeLessThanOrEqual(12);
  });

  it("is not given less than it asked for when the refresh fails (I9)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { token } = server();
    as.failAlways({ answer: { kind: "not_sent", code: "ECONNREFUSED" } });
    await clock.advance(45 * MINUTE_MS);

    const call = token(ALICE, { minValidityMs: 20 * MINUTE_MS });
    await clock.advance(5 * SECOND_MS);

    expect(await call).toBe("refresh_unavailable:ECONNREFUSED");
    expect(await token(ALICE)).toBe("at.alice.1");
  });

  it("hears of a server that now issues shorter tokens (I9)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { token } = server();
    as.lifetimeMs = 5 * MINUTE_MS;
    await clock.advance(45 * MINUTE_MS);

    expect(await token(ALICE, { minValidityMs: 20 * MINUTE_MS })).toBe("invalid_option:minValidityMs");
    expect(await token(ALICE)).toBe("at.alice.2");
    expect(as.sent).toHaveLength(1);
  });

  it("which is nonsense is refused before anything is read", async () => {
    const { server, signInBoth } = scenario();
    await signInBoth();
    const { token, store } = server();

    expect(await token(ALICE, { minValidityMs: -1 })).toBe("invalid_option:minValidityMs");
    expect(await token(ALICE, { minValidityMs: Number.NaN })).toBe("invalid_option:minValidityMs");
    expect(await token(ALICE, { maxWaitMs: "1" as never })).toBe("invalid_option:maxWaitMs");
    expect(store.calls).toEqual([]);
  });

  it("of 0 gets a token until the last millisecond", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { token } = server();
    as.hold();
    await clock.advance(HOUR_MS - 1);

    const call = token(ALICE, { minValidityMs: 0 });

    expect(await isSettled(clock, call)).toBe(true);
    expect(await call).toBe("at.alice.1");
    as.release();
  });
});

describe("tokens that other servers keep renewing", () => {
  it("are never handed out in an older version than the newest that was read (I9)", async () => {
    const { clock, as, server, signInBoth, store } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const [slow, other] = [server(), server()];
    as.lifetimeMs = 2 * SECOND_MS;
    await clock.advance(2 * HOUR_MS);
    slow.store.answer("acquireLease", async () => {
      await other.token(ALICE, { maxWaitMs: 100 });
      await clock.sleep(1_950);
      return { status: "held", ...(await store.read(ALICE))! };
    });

    const call = slow.token(ALICE, { maxWaitMs: 60_000 });
    await clock.advance(30 * SECOND_MS);

    const newest = (await store.read(ALICE))!.grant.version;
    expect(newest).toBeGreaterThanOrEqual(3);
    expect(["refresh_unavailable:too_short", `at.alice.${newest}`]).toContain(await call);
  });

  it("are taken over as soon as one is good enough, also the second time (F11)", async () => {
    const { clock, as, server, signInBoth, store } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const [slow, other] = [server(), server()];
    await clock.advance(2 * HOUR_MS);
    let turn = 0;
    slow.store.answer("acquireLease", async () => {
      as.lifetimeMs = ++turn === 1 ? 2 * SECOND_MS : HOUR_MS;
      await other.token(ALICE, { maxWaitMs: 100 });
      if (turn === 1) await clock.sleep(1_950);
      return { status: "held", ...(await store.read(ALICE))! };
    });

    const call = slow.token(ALICE, { maxWaitMs: 60_000 });
    await clock.advance(30 * SECOND_MS);

    expect(await call).toBe("at.alice.3");
  });
});
