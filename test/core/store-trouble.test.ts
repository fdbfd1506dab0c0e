import { describe, expect, it } from "vitest";

import {
  ALICE,
  BOB,
  HOUR_MS,
  MINUTE_MS,
  SECOND_MS,
  isSettled,
  outcomeOf,
  scenario,
} from "./support/scenario.ts";

describe("a store that fails when the new tokens come", () => {
  it("for a moment is asked again, and nobody gets the new token before it is stored (I4, I5, F9, M7)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const { token, store } = server();
    await clock.advance(2 * MINUTE_MS);
    store.break("commit", "fail", 4);

    const call = token(ALICE);
    for (let step = 0; !(await isSettled(clock, call)); step++) {
      expect(step).toBeLessThan(100);
      expect((await row(ALICE)).version).toBe(1);
      await clock.advance(50);
    }

    expect([await call, (await row(ALICE)).version]).toEqual(["at.alice.2", 2]);
    expect(as.sent).toEqual(["rt.alice.1"]);
    expect(store.count("commit")).toBe(5);
  });

  it("for longer: waiters get the token, it is kept in memory, and never is the old one sent again (I5, S4)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: 2 * MINUTE_MS });
    await signInBoth();
    const { token, store, manager } = server();
    await clock.advance(3 * MINUTE_MS);
    store.break("commit", "fail");

    const call = token(ALICE, { maxWaitMs: 30_000 });
    await clock.advance(15 * SECOND_MS);
    expect(await call).toBe("at.alice.2");
    expect((await row(ALICE)).version).toBe(1);

    for (let second = 0; second < 90; second++) {
      const again = token(ALICE);
      expect(await isSettled(clock, again)).toBe(true);
      expect(await again).toBe("at.alice.2");
      expect(await manager.view(ALICE)).toMatchObject({ status: "fresh" });
      await clock.advance(SECOND_MS);
    }
    expect(as.sent).toEqual(["rt.alice.1"]);

    store.mend();
    await clock.advance(15 * SECOND_MS);
    expect(await row(ALICE)).toMatchObject({ version: 2, intent: null, lease: null });
    await clock.advance(MINUTE_MS);
    expect(await token(ALICE)).toBe("at.alice.3");
    expect(as.sent).toEqual(["rt.alice.1", "rt.alice.2"]);
  });

  it("for so long that the new token expires too: still no replay, and the session stands (I5, I6)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const { token, store } = server();
    await clock.advance(2 * MINUTE_MS);
    store.break("commit", "fail");
    const call = token(ALICE, { maxWaitMs: 30_000 });
    await clock.advance(15 * SECOND_MS);
    expect(await call).toBe("at.alice.2");
    await clock.advance(10 * MINUTE_MS);

    const later = token(ALICE);
    await clock.advance(6 * SECOND_MS);
    expect(await later).toBe("refresh_unavailable:store_failed");
    expect(as.sent).toEqual(["rt.alice.1"]);

    store.mend();
    const mended = token(ALICE);
    await clock.advance(SECOND_MS);
    expect(await mended).toBe("at.alice.3");
    expect(as.sent).toEqual(["rt.alice.1", "rt.alice.2"]);
    expect((await row(ALICE)).version).toBe(3);
  });

  it("names the version that the token will have, so that it never seems to go back (I2, I9)", async () => {
    const { clock, server, signInBoth } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const { manager, store } = server();
    await clock.advance(2 * MINUTE_MS);
    store.break("commit", "fail");

    const call = manager.getAccessToken(ALICE, { maxWaitMs: 30_000 });
    await clock.advance(15 * SECOND_MS);

    expect(await call).toMatchObject({ accessToken: "at.alice.2", version: 2 });
    expect(await manager.getAccessToken(ALICE)).toMatchObject({ accessToken: "at.alice.2", version: 2 });
    expect(await manager.renewRejected(ALICE, "at.alice.1")).toMatchObject({ accessToken: "at.alice.2" });
  });

  it("although it had taken them: the tokens are found there, not kept twice (X7, X26)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const { token, store } = server();
    await clock.advance(2 * MINUTE_MS);
    store.break("commit", "ack_lost", 1);

    const call = token(ALICE);
    await clock.advance(SECOND_MS);

    expect(await call).toBe("at.alice.2");
    expect(await row(ALICE)).toMatchObject({ version: 2, candidates: [], intent: null, lease: null });
    expect(as.sent).toEqual(["rt.alice.1"]);
  });

  it("by hanging: the commit is tried again after its time, and the caller's wait ends (I11, X24)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const { token, store } = server();
    await clock.advance(2 * MINUTE_MS);
    store.break("commit", "hang", 2);

    const call = token(ALICE);
    await clock.advance(5 * SECOND_MS);
    expect(await isSettled(clock, call)).toBe(true);
    await clock.advance(2 * SECOND_MS);

    expect([(await row(ALICE)).version, await token(ALICE)]).toEqual([2, "at.alice.2"]);
    expect(as.sent).toEqual(["rt.alice.1"]);
  });

  it("and somebody else stored newer ones meanwhile: theirs are handed out, ours are kept (I2, I4)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: MINUTE_MS });
    as.rotation = "grace_forks";
    as.graceMs = HOUR_MS;
    await signInBoth();
    const [cutOff, other] = [server(), server()];
    await clock.advance(2 * MINUTE_MS);
    cutOff.store.break("commit", "fail");
    const call = cutOff.token(ALICE, { maxWaitMs: 60_000 });
    await clock.advance(17 * SECOND_MS);
    expect(await call).toBe("at.alice.2");
    await clock.advance(10 * SECOND_MS);
    const theirs = other.token(ALICE);
    await clock.advance(SECOND_MS);
    expect(await theirs).toBe("at.alice.3");

    expect(await cutOff.token(ALICE)).toBe("at.alice.3");
    cutOff.store.mend();
    await clock.advance(16 * SECOND_MS);

    expect(await row(ALICE)).toMatchObject({ version: 2, candidates: [{ attemptId: expect.any(String) }] });
    expect(await cutOff.token(ALICE)).toBe("at.alice.3");
    expect(cutOff.shared.pendingRotations.size).toBe(0);
  });
});

describe("a store that is away", () => {
  it.each(["fail", "hang"] as const)(
    "serves the last access token for at most 30 s, and says so (%s; X25)",
    async (fault) => {
      const { clock, as, server, signInBoth, eventsOf } = scenario({ lifetimeMs: HOUR_MS });
      await signInBoth();
      const { token, manager, store } = server({ storeTimeoutMs: 1 });
      await token(ALICE);
      store.breakAll(fault);
      const read = async (id: string): Promise<string> => {
        const call = token(id);
        await clock.advance(1);
        return call;
      };
      await clock.advance(29_990);

      expect(await read(ALICE)).toBe("at.alice.1");
      expect(await read(BOB)).toBe("store_failed");
      await clock.advance(10);
      expect(await read(ALICE)).toBe("store_failed");
      const view = outcomeOf(manager.view(ALICE).then(({ status }) => status));
      await clock.advance(1);
      expect(await view).toBe("store_failed");
      expect(eventsOf("served_stale")).toHaveLength(1);
      expect(as.sent).toEqual([]);

      store.mend();
      expect([await token(ALICE), await token(BOB)]).toEqual(["at.alice.1", "at.bob.1"]);
    },
  );

  it("serves what it has stored last, not what it read before (I9, X25)", async () => {
    const { clock, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { token, store } = server();
    await clock.advance(55 * MINUTE_MS);
    await Promise.all([token(ALICE), token(BOB)]);
    await clock.settle();
    store.breakAll("fail");

    expect([await token(ALICE), await token(BOB)]).toEqual(["at.alice.2", "at.bob.2"]);
  });

  it("starts no refresh on the strength of an old reading, and ends no session (I6)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { token, manager, store } = server({ staleIfStoreDownMs: 10 * MINUTE_MS });
    await clock.advance(55 * MINUTE_MS);
    await token(BOB, { mayRefresh: false });
    store.breakAll("fail");

    expect(await token(BOB)).toBe("at.bob.1");
    expect(await manager.view(BOB, { wait: true })).toMatchObject({ status: "retrying" });
    await clock.advance(5 * MINUTE_MS);
    expect(await token(BOB)).toBe("store_failed");
    expect(as.sent).toEqual([]);
    expect((await row(BOB)).state).toBe("live");
  });

  it("serves nothing of which it does not know how old it is: the clock was set back (X19, SEC-13)", async () => {
    const { clock, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { token, store } = server();
    await clock.advance(10 * MINUTE_MS);
    await token(ALICE);
    store.breakAll("fail");
    clock.jump(-1);
    expect(await token(ALICE)).toBe("store_failed");
    clock.jump(1);
    expect(await token(ALICE)).toBe("at.alice.1");
  });

  it("with staleIfStoreDownMs of 0 serves nothing but errors", async () => {
    const { clock, server, signInBoth } = scenario();
    await signInBoth();
    const { token, store } = server({ staleIfStoreDownMs: 0 });
    await token(ALICE);
    await clock.advance(1);
    store.breakAll("fail");

    expect(await token(ALICE)).toBe("store_failed");
  });

  it("does not serve a grant that this process has signed out (I16)", async () => {
    const { server, signInBoth } = scenario();
    await signInBoth();
    const { token, manager, store } = server();
    await token(ALICE);
    await manager.endGrant(ALICE, "signed_out", { revoke: false });
    store.breakAll("fail");

    expect(await token(ALICE)).toBe("store_failed");
  });

  it("tells it at sign-in and at sign-out, so that the application can (F9)", async () => {
    const { server, signInBoth, as } = scenario();
    await signInBoth();
    const { manager, store } = server();
    store.breakAll("fail");

    await expect(manager.endGrant(ALICE, "signed_out", { revoke: true })).rejects.toMatchObject({
      code: "store_failed",
      message: 'The memory store failed at "end"',
    });
    expect(as.revoked).toEqual([]);
  });

  it("only for the lease: the expired token's caller is told, and nothing is sent without a lease (X25)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const { token, store } = server();
    await clock.advance(2 * MINUTE_MS);
    store.break("acquireLease", "fail");

    const call = token(ALICE);
    await clock.advance(6 * SECOND_MS);

    expect(await call).toBe("refresh_unavailable:store_failed");
    expect(as.sent).toEqual([]);
    store.mend();
    expect(await token(ALICE)).toBe("at.alice.2");
  });

  it("when the outcome is written leaves the intent to warn the next holder (I12, I22)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { token, store } = server();
    await clock.advance(55 * MINUTE_MS);
    as.failNext({ answer: { kind: "unknown", code: "reset", answered: false } });
    store.break("releaseLease", "fail", 3);
    await token(ALICE);
    await clock.advance(10 * SECOND_MS);
    await token(ALICE);
    await clock.settle();

    expect((await row(ALICE)).intent).toMatchObject({ outcome: "pending", parentVersion: 1 });
    expect(as.sent).toHaveLength(1);
  });
});

describe("a stored value that does not open", () => {
  it("is an error of its own, told at once and by name of the fix; other grants are not touched (SEC-60, I6)", async () => {
    const { clock, as, server, signInBoth, store, row, eventsOf } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const { lease: _, ...columns } = await row(ALICE);
    await store.commit(ALICE, { ...columns, sealedTokenSet: "bm90IG91cnM=", expectedVersion: 1 });
    const { token, manager } = server();

    expect([await token(ALICE), await token(BOB)]).toEqual(["store_failed", "at.bob.1"]);
    await expect(manager.getAccessToken(ALICE)).rejects.toThrow(/NOLAPSE_SECRET/);
    await clock.advance(2 * MINUTE_MS);
    const call = token(ALICE);
    expect(await isSettled(clock, call)).toBe(true);
    expect(await call).toBe("store_failed");
    expect(await manager.view(ALICE, { wait: true })).toMatchObject({ status: "retrying", askInMs: 30_000 });
    expect((await row(ALICE)).state).toBe("live");
    expect(as.requestsOf("alice")).toBe(0);
    expect(eventsOf("unseal_failed").length).toBeGreaterThan(0);
  });
});
