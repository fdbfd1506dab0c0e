import { describe, expect, it } from "vitest";

import type { RotationPolicy } from "../../src/core/rotation.ts";
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

  it("waits for the revocations of a sign-out that is just over (I16, X17)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { manager } = server();
    as.revokeOutcome = "failed";
    await manager.endGrant(ALICE, "signed_out", { revoke: true });
    await clock.settle();
    as.revokeOutcome = "revoked";

    const closed = manager.close();
    await clock.settle();
    expect(as.revoked).toEqual([]);
    await clock.advance(SECOND_MS);

    expect(await isSettled(clock, closed)).toBe(true);
    expect(as.revoked).toEqual(["rt.alice.1"]);
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

describe("closing while a request stays out", () => {
  const policy: RotationPolicy = { class: "grace", graceMs: 30_000 };
  const grace = { rotationOf: () => policy };

  it("hands it over: the next process sends again at once where the server allows it (X17, S1, TL2)", async () => {
    const { clock, as, server, signInBoth, row, eventsOf } = scenario({ lifetimeMs: HOUR_MS });
    as.rotation = "grace_forks";
    as.graceMs = 30_000;
    await signInBoth();
    const [leaving, next] = [server(grace), server(grace)];
    await clock.advance(51 * MINUTE_MS);
    as.failNext({ hang: "deaf", commits: true });
    await leaving.token(ALICE);
    const closed = leaving.manager.close(500);
    await clock.advance(500);
    await closed;

    expect(await row(ALICE)).toMatchObject({
      lease: null,
      intent: { holder: leaving.name, outcome: "unknown", startedAtMs: as.sentAtMs[0] },
    });
    expect(eventsOf("handed_over")).toMatchObject([{ grantRef: "alice-grant-", attemptId: "attempt-1" }]);
    await next.token(ALICE);
    await clock.settle();
    expect(as.sentAtMs[1]! - as.sentAtMs[0]!).toBe(500);
    expect([await next.token(ALICE), await next.token(BOB)]).toEqual(["at.alice.3", "at.bob.1"]);
  });

  it("leaves the first request's moment behind, not that of its own (X17, S1, I12)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: HOUR_MS });
    as.rotation = "grace_forks";
    as.graceMs = 30_000;
    await signInBoth();
    const [crashed, leaving, next] = [server(grace), server(grace), server(grace)];
    await clock.advance(51 * MINUTE_MS);
    as.failAlways({ hang: "deaf", commits: true });
    await crashed.token(ALICE);
    crashed.freeze();
    await clock.advance(20 * SECOND_MS);
    await leaving.token(ALICE);
    await clock.advance(2 * SECOND_MS);
    const closed = leaving.manager.close(100);
    await clock.advance(100);
    await closed;

    expect((await row(ALICE)).intent).toMatchObject({ holder: leaving.name, startedAtMs: as.sentAtMs[0] });
    await clock.advance(10 * SECOND_MS);
    await next.token(ALICE);
    await clock.settle();
    expect(as.sent).toHaveLength(2);
  });

  it("hands it over at a strict server too: nothing is sent again while the token is good (X17, S6)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const [leaving, next] = [server(), server()];
    await clock.advance(51 * MINUTE_MS);
    as.failNext({ hang: "deaf", afterMs: 3 * MINUTE_MS, commits: true });
    await leaving.token(ALICE);
    const closed = leaving.manager.close(500);
    await clock.advance(500);
    await closed;
    for (let second = 0; second < 120; second++) {
      expect(await next.token(ALICE)).toBe("at.alice.1");
      await clock.advance(SECOND_MS);
    }

    expect(as.sent).toEqual(["rt.alice.1"]);
    expect(await row(ALICE)).toMatchObject({ version: 1, intent: { outcome: "unknown" } });
    // An answer that comes before the process is gone is stored all the same: nobody else has sent.
    await clock.advance(2 * MINUTE_MS);
    expect(await row(ALICE)).toMatchObject({ version: 2, intent: null });
    expect([await next.token(ALICE), as.replayed]).toEqual(["at.alice.2", []]);
  });

  it("takes nothing away from a process that has taken over already (X15, M4)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: HOUR_MS });
    as.rotation = "grace_forks";
    as.graceMs = 30_000;
    await signInBoth();
    const [leaving, next] = [server(grace), server(grace)];
    await clock.advance(51 * MINUTE_MS);
    as.failAlways({ hang: "deaf", commits: true });
    leaving.store.break("renewLease", "fail");
    await leaving.token(ALICE);
    await clock.advance(5 * SECOND_MS);
    await next.token(ALICE);
    await clock.settle();
    const before = await row(ALICE);
    expect(before.lease).toMatchObject({ holder: next.name });

    const closed = leaving.manager.close(100);
    await clock.advance(100);
    await closed;

    const { lease, intent } = await row(ALICE);
    expect([lease, intent]).toEqual([before.lease, before.intent]);
  });

  it("does not send again itself afterwards (X17, I1)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    as.rotation = "grace_forks";
    as.graceMs = 30_000;
    await signInBoth();
    const leaving = server(grace);
    await clock.advance(51 * MINUTE_MS);
    as.failNext({ hang: "until_abort", commits: true });
    await leaving.token(ALICE);
    const closed = leaving.manager.close(100);
    await clock.advance(MINUTE_MS);
    await closed;

    expect(as.sent).toEqual(["rt.alice.1"]);
  });
});

describe("closing while the store has not taken everything", () => {
  /** A store that has refused Alice's new tokens and Bob's sign-out. */
  async function refusing(): Promise<Omit<Scenario, "store"> & Server> {
    const world = scenario({ lifetimeMs: MINUTE_MS });
    await world.signInBoth();
    const refused = world.server();
    const { manager, store, token } = refused;
    await world.clock.advance(2 * MINUTE_MS);
    store.break("commit", "fail");
    store.break("end", "fail");
    const call = token(ALICE, { maxWaitMs: 30_000 });
    await world.clock.advance(15 * SECOND_MS);
    expect(await call).toBe("at.alice.2");
    await expect(manager.endGrant(BOB, "signed_out", { revoke: true })).rejects.toThrow(/store/);
    return { ...world, ...refused };
  }

  it("offers it the candidates and the ends that it has not taken yet (I4, S5, I16)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: MINUTE_MS });
    as.rotation = "grace_forks";
    as.graceMs = HOUR_MS;
    await signInBoth();
    const [slow, other] = [server(), server()];
    await clock.advance(50 * SECOND_MS);
    as.hold();
    void slow.token(ALICE);
    await clock.settle();
    slow.freeze();
    as.release();
    await clock.advance(30 * SECOND_MS);
    expect(await other.token(ALICE)).toBe("at.alice.3");
    slow.store.break("addCandidate", "fail");
    slow.store.break("end", "fail");
    slow.thaw();
    await clock.settle();
    await expect(slow.manager.endGrant(BOB, "signed_out", { revoke: true })).rejects.toThrow(/store/);
    expect([(await row(ALICE)).candidates.length, (await row(BOB)).state]).toEqual([0, "live"]);

    slow.store.mend();
    await slow.manager.close();

    expect((await row(ALICE)).candidates).toHaveLength(1);
    expect(await row(BOB)).toMatchObject({ state: "ended", endReason: "signed_out" });
    expect(slow.shared.pendingEnds.size + slow.shared.pendingCandidates.size).toBe(0);
    expect(slow.store.calls.at(-1)).toBe("close");
  });

  it("gives up offering when it is closed: nothing is left running (I11)", async () => {
    const { clock, manager, store } = await refusing();
    expect(clock.pendingSleeps).toBeGreaterThan(0);
    const tries = store.calls.length;

    const closed = manager.close(2_100);
    await clock.advance(2_100);
    await closed;
    await clock.settle();

    expect(clock.pendingSleeps).toBe(0);
    // Again and again until the time is up, and then nothing after the store was closed.
    const offered = store.calls.slice(tries);
    expect(offered.filter((name) => name === "commit").length).toBeGreaterThanOrEqual(5);
    expect(offered.filter((name) => name === "end").length).toBeGreaterThanOrEqual(5);
    expect(offered.at(-1)).toBe("close");
  });

  it("stores all of it if the store comes back before the time is up, and is done then (I4, I16, X17)", async () => {
    const { clock, as, row, manager, store } = await refusing();

    const closed = manager.close(20 * SECOND_MS);
    await clock.advance(5 * SECOND_MS);
    expect(await isSettled(clock, closed)).toBe(false);
    store.mend();
    await clock.advance(SECOND_MS);

    expect(await isSettled(clock, closed)).toBe(true);
    expect([(await row(ALICE)).version, (await row(BOB)).state]).toEqual([2, "ended"]);
    expect([as.revoked, store.calls.at(-1), clock.pendingSleeps]).toEqual([["rt.bob.1"], "close", 0]);
  });

  it("stores the tokens of one user while another one's request hangs (I4, X17)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const { manager, store, token } = server();
    await clock.advance(2 * MINUTE_MS);
    store.break("commit", "fail");
    const call = token(ALICE, { maxWaitMs: 30_000 });
    await clock.advance(15 * SECOND_MS);
    expect(await call).toBe("at.alice.2");
    as.failNext({ hang: "deaf" });
    void token(BOB);
    await clock.settle();

    const closed = manager.close(5 * SECOND_MS);
    await clock.advance(SECOND_MS);
    store.mend();
    await clock.advance(4 * SECOND_MS);
    await closed;

    expect((await row(ALICE)).version).toBe(2);
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
