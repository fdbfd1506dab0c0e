import { describe, expect, it } from "vitest";

import { ALICE, BOB, HOUR_MS, MINUTE_MS, SECOND_MS, isSettled, scenario } from "./support/scenario.ts";

describe("while the token endpoint is held", () => {
  it("callers with enough life left do not wait, fresh or due, on any server (I11)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const [one, two] = [server(), server()];
    as.hold();
    for (const afterMs of [0, 49 * MINUTE_MS, 51 * MINUTE_MS, 51 * MINUTE_MS + 500]) {
      await clock.advance(afterMs - (clock.nowMs() - Date.UTC(2026, 0, 1)));
      const calls = [one, two].flatMap(({ token }) => [token(ALICE), token(BOB), token(ALICE)]);
      const all = Promise.all(calls);
      expect(await isSettled(clock, all)).toBe(true);
      expect(new Set(await all)).toEqual(new Set(["at.alice.1", "at.bob.1"]));
    }

    expect([as.requestsOf("alice"), as.requestsOf("bob")]).toEqual([1, 1]);
    as.release();
    await clock.advance(SECOND_MS);
    expect([await one.token(ALICE), await two.token(BOB)]).toEqual(["at.alice.2", "at.bob.2"]);
    expect(as.sent).toHaveLength(2);
  });

  it("a caller whose token is too short waits at most maxWaitMs, and then gets what is left of it (I11)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { token } = server();
    as.hold();
    await clock.advance(HOUR_MS - 8 * SECOND_MS);

    const call = token(ALICE);
    await clock.advance(4_999);
    expect(await isSettled(clock, call)).toBe(false);
    await clock.advance(1);
    expect(await isSettled(clock, call)).toBe(true);
    expect(await call).toBe("at.alice.1");
  });

  it("a caller whose token has expired is told so by maxWaitMs, its own or the configured one (I11, F31)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { token } = server({ maxWaitMs: 2_000 });
    as.hold();
    await clock.advance(2 * HOUR_MS);

    const [configured, own, none] = [
      token(ALICE),
      token(ALICE, { maxWaitMs: 300 }),
      token(BOB, { maxWaitMs: 0 }),
    ];
    await clock.advance(300);
    expect([await isSettled(clock, own), await isSettled(clock, none)]).toEqual([true, true]);
    expect(await isSettled(clock, configured)).toBe(false);
    await clock.advance(1_700);
    expect(await Promise.all([configured, own, none])).toEqual(
      Array.from({ length: 3 }, () => "refresh_unavailable:waiting"),
    );
    expect(as.sent).toHaveLength(2);
  });

  it("a waiter that gives up does not stop the refresh for the others (M6, X53)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { token } = server();
    as.hold();
    await clock.advance(2 * HOUR_MS);
    const [hasty, patient] = [token(ALICE, { maxWaitMs: 100 }), token(ALICE)];
    await clock.advance(SECOND_MS);

    as.release();
    await clock.settle();

    expect(await hasty).toBe("refresh_unavailable:waiting");
    expect(await patient).toBe("at.alice.2");
    expect(as.sent).toEqual(["rt.alice.1"]);
  });
});

describe("a prefetch", () => {
  it("is handed what is there and starts nothing (F13)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { token, manager, store } = server();
    const ask = { mayRefresh: false };

    await clock.advance(55 * MINUTE_MS);
    expect(await token(ALICE, ask)).toBe("at.alice.1");
    expect(await manager.view(BOB, { ...ask, wait: true })).toMatchObject({ status: "fresh" });
    await clock.advance(HOUR_MS);
    expect(await token(ALICE, ask)).toBe("refresh_unavailable:prefetch");
    expect(await manager.view(BOB, ask)).toMatchObject({ status: "retrying", expiresInMs: 0 });
    await clock.settle();
    expect([as.sent.length, store.count("acquireLease")]).toEqual([0, 0]);
  });
});

describe("a session read", () => {
  it("on the session route waits for a refresh that is due, and reports the new expiry", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    as.latencyMs = SECOND_MS;
    const { manager } = server();
    await clock.advance(53 * MINUTE_MS);

    const view = manager.view(ALICE, { wait: true, withAccessToken: true });
    expect(await isSettled(clock, view)).toBe(false);
    await clock.advance(SECOND_MS);

    expect(await view).toEqual({
      status: "fresh",
      grantRef: "alice-grant-",
      accessToken: "at.alice.2",
      expiresAtMs: clock.nowMs() - SECOND_MS + HOUR_MS,
      expiresInMs: HOUR_MS - SECOND_MS,
      askInMs: 53 * MINUTE_MS - SECOND_MS,
    });
  });

  it("elsewhere reports at once and refreshes in the background", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { manager } = server();
    as.hold();
    await clock.advance(53 * MINUTE_MS);

    const view = manager.view(ALICE);
    expect(await isSettled(clock, view)).toBe(true);
    expect(await view).toMatchObject({ status: "fresh", expiresInMs: 7 * MINUTE_MS });
    expect(as.sent).toEqual(["rt.alice.1"]);
    as.release();
    await clock.settle();
    expect(await manager.view(ALICE)).toMatchObject({ status: "fresh", expiresInMs: HOUR_MS });
  });

  it("on the session route does not wait longer than maxWaitMs, and tells the tab when to come back", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { manager } = server();
    as.hold();
    await clock.advance(53 * MINUTE_MS);

    const view = manager.view(ALICE, { wait: true });
    await clock.advance(5 * SECOND_MS);

    expect(await isSettled(clock, view)).toBe(true);
    expect(await view).toMatchObject({ status: "retrying", expiresInMs: 7 * MINUTE_MS - 5 * SECOND_MS });
    const { askInMs } = (await view) as { askInMs: number };
    expect(askInMs).toBeGreaterThanOrEqual(SECOND_MS);
    expect(askInMs).toBeLessThanOrEqual(30 * SECOND_MS);
  });

  it("that shows the access token never shows an expired one (F31)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { manager } = server();
    as.failAlways({ answer: { kind: "unknown", code: "http_503", answered: true } });
    await clock.advance(2 * HOUR_MS);

    const view = await manager.view(ALICE, { wait: true, withAccessToken: true });

    expect(view).toMatchObject({ status: "retrying", expiresInMs: 0 });
    expect(view).not.toHaveProperty("accessToken");
  });

  it("of a grant that nobody knows, or that has ended, says why (F31)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { manager } = server();
    as.killFamily("alice");
    await clock.advance(2 * HOUR_MS);

    expect(await manager.view("k1.nobody")).toMatchObject({ status: "ended", reason: "missing" });
    expect(await manager.view(ALICE, { wait: true })).toMatchObject({ status: "ended", reason: "rejected" });
    expect(await manager.view(ALICE)).toMatchObject({ status: "ended", reason: "rejected" });
    expect(await manager.view(BOB, { wait: true })).toMatchObject({ status: "fresh" });
  });
});

describe("a host that freezes after the response", () => {
  it("is kept awake by the caller that started the refresh, and by nobody else", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { token, manager } = server({ background: (task) => task });
    as.latencyMs = 2 * SECOND_MS;
    await clock.advance(55 * MINUTE_MS);

    const starter = token(ALICE);
    await clock.settle();
    const joiner = token(ALICE);
    expect([await isSettled(clock, starter), await isSettled(clock, joiner)]).toEqual([false, true]);
    const view = manager.view(BOB);
    await clock.advance(2 * SECOND_MS);

    expect([await isSettled(clock, starter), await isSettled(clock, view)]).toEqual([true, true]);
    expect([await starter, await joiner]).toEqual(["at.alice.1", "at.alice.1"]);
    expect(await token(ALICE)).toBe("at.alice.2");
  });

  it("is kept awake for a sign-out's revocation too", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const tasks: Promise<void>[] = [];
    const { manager } = server({
      background: (task) => {
        tasks.push(task);
        return task;
      },
    });

    await manager.endGrant(ALICE, "signed_out", { revoke: true });

    expect(tasks).toHaveLength(1);
    expect(as.revoked).toEqual(["rt.alice.1"]);
    await clock.settle();
  });

  it("is told of every refresh that starts, by the promise that ends with it", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const tasks: Promise<void>[] = [];
    const { token } = server({
      background: (task) => {
        tasks.push(task);
        return undefined;
      },
    });
    as.hold();
    await clock.advance(55 * MINUTE_MS);

    expect(await Promise.all([token(ALICE), token(ALICE), token(BOB)])).toHaveLength(3);
    expect(tasks).toHaveLength(2);
    expect(await isSettled(clock, tasks[0]!)).toBe(false);
    as.release();
    expect(await isSettled(clock, Promise.all(tasks))).toBe(true);
  });
});
