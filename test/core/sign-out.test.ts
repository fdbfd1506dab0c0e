import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { scheduledStore } from "./support/scheduled-store.ts";
import { ALICE, BOB, HOUR_MS, MINUTE_MS, SECOND_MS, scenario } from "./support/scenario.ts";

describe("a sign-out", () => {
  it("is durable when it resolves, holds on every server at the next read, and revokes (I16, SEC-12)", async () => {
    const { as, server, signInBoth, row, eventsOf, clock } = scenario();
    await signInBoth();
    const [one, two] = [server(), server()];
    expect([await one.token(ALICE), await two.token(ALICE)]).toEqual(["at.alice.1", "at.alice.1"]);

    expect(await one.manager.endGrant(ALICE, "signed_out", { revoke: true })).toBe(true);

    expect(await row(ALICE)).toMatchObject({ state: "ended", endReason: "signed_out" });
    const ended = "reauthentication_required:signed_out";
    expect([await one.token(ALICE), await two.token(ALICE)]).toEqual([ended, ended]);
    expect(await two.manager.view(ALICE)).toMatchObject({ status: "ended", reason: "signed_out" });
    await clock.settle();
    expect(as.revoked).toEqual(["rt.alice.1"]);
    expect(eventsOf("grant_ended")).toHaveLength(1);
    expect(eventsOf("revocation_ended")).toMatchObject([{ outcome: "revoked" }]);
    expect(await row(ALICE)).toMatchObject({ sealedTokenSet: "", candidates: [] });
    expect(await two.token(BOB)).toBe("at.bob.1");
  });

  it("happens once: the second says so, and the first reason stays (I7)", async () => {
    const { server, signInBoth, row, eventsOf } = scenario();
    await signInBoth();
    const { manager } = server();

    expect(await manager.endGrant(ALICE, "signed_out", { revoke: false })).toBe(true);
    expect(await manager.endGrant(ALICE, "revoked", { revoke: false })).toBe(false);
    expect(await manager.endGrant("k1.nobody", "revoked", { revoke: false })).toBe(false);
    expect((await row(ALICE)).endReason).toBe("signed_out");
    expect(eventsOf("grant_ended")).toHaveLength(1);
  });

  it("that the store has not taken is one for whoever asks this process, though nothing was read of it (SEC-13)", async () => {
    const { server, signInBoth } = scenario();
    await signInBoth();
    const { manager, store } = server();
    store.break("end", "fail");
    store.break("read", "fail");

    await expect(manager.endGrant(ALICE, "signed_out", { revoke: false })).rejects.toMatchObject({
      code: "store_failed",
    });

    expect(await manager.endReasonOf(ALICE)).toBe("signed_out");
    await expect(manager.endReasonOf(BOB)).rejects.toMatchObject({ code: "store_failed" });
  });

  it("cannot be undone by a new grant of the same name (I7)", async () => {
    const { server, signIn, row } = scenario();
    await signIn("alice", ALICE);
    const { manager, token } = server();
    await manager.endGrant(ALICE, "signed_out", { revoke: false });

    await signIn("alice", ALICE);

    expect((await row(ALICE)).state).toBe("ended");
    expect(await token(ALICE)).toBe("reauthentication_required:signed_out");
  });

  it("everywhere ends every grant of the person and of nobody else (I16, I8)", async () => {
    const { as, server, signIn, clock } = scenario();
    await signIn("alice", ALICE);
    await signIn("bob", BOB);
    await signIn("alice", "k1.alice-on-the-telephone");
    const { manager, token } = server();

    expect(await manager.endGrants({ subjectRef: "subject-alice" }, "revoked", { revoke: true })).toBe(2);

    await clock.settle();
    expect(await token(ALICE)).toBe("reauthentication_required:revoked");
    expect(await token("k1.alice-on-the-telephone")).toBe("reauthentication_required:revoked");
    expect(await token(BOB)).toBe("at.bob.1");
    expect(as.revoked).toHaveLength(2);
  });

  it("tries a failed revocation three times, and keeps the sealed tokens for later if it stays so (I16)", async () => {
    const { as, server, signInBoth, row, clock, eventsOf } = scenario();
    await signInBoth();
    as.revokeOutcome = "failed";
    const { manager } = server();

    await manager.endGrant(ALICE, "signed_out", { revoke: true });
    await clock.advance(MINUTE_MS);

    expect(eventsOf("revocation_ended")).toMatchObject([{ outcome: "failed" }]);
    expect((await row(ALICE)).sealedTokenSet).not.toBe("");
  });

  it.each(["revoked", "unsupported"] as const)(
    "wipes the tokens once the server says %s",
    async (outcome) => {
      const { as, server, signInBoth, row, clock } = scenario();
      await signInBoth();
      as.revokeOutcome = outcome;

      await server().manager.endGrant(ALICE, "signed_out", { revoke: true });
      await clock.settle();

      expect((await row(ALICE)).sealedTokenSet).toBe("");
    },
  );

  it("does not wait for a hung revocation endpoint (I11)", async () => {
    const { as, server, signInBoth, clock, eventsOf } = scenario();
    await signInBoth();
    as.revoke = () => new Promise(() => undefined);

    expect(await server().manager.endGrant(ALICE, "signed_out", { revoke: true })).toBe(true);

    await clock.advance(MINUTE_MS);
    expect(eventsOf("revocation_ended")).toMatchObject([{ outcome: "failed" }]);
    await clock.advance(2 * HOUR_MS);
    expect(clock.pendingSleeps).toBe(0);
  });
});

describe("a sign-out while a refresh is under way (TL4, F18)", () => {
  it("between the request and its answer: the fresh tokens are revoked and not stored, callers are told (I7)", async () => {
    const { as, server, signInBoth, row, clock, eventsOf } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const [one, two] = [server(), server()];
    await clock.advance(2 * MINUTE_MS);
    as.hold();
    const calls = [one.token(ALICE), two.token(ALICE)];
    await clock.settle();

    await two.manager.endGrant(ALICE, "signed_out", { revoke: true });
    as.release();
    await clock.advance(SECOND_MS);

    expect(new Set(await Promise.all(calls))).toEqual(new Set(["reauthentication_required:signed_out"]));
    expect(as.liveRefreshTokens("alice")).toEqual([]);
    expect(as.revoked).toEqual(["rt.alice.1", "rt.alice.2"]);
    expect(await row(ALICE)).toMatchObject({
      state: "ended",
      version: 1,
      sealedTokenSet: "",
      candidates: [],
    });
    expect(eventsOf("revocation_ended")).toHaveLength(2);
  });

  it("by a new sign-in: the late tokens are not revoked, because both may share one consent (I7)", async () => {
    const { as, server, signInBoth, row, clock } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const { token, manager } = server();
    await clock.advance(2 * MINUTE_MS);
    as.hold();
    const call = token(ALICE);
    await clock.settle();

    await manager.endGrant(ALICE, "replaced", { revoke: false });
    as.release();
    await clock.advance(SECOND_MS);

    expect(await call).toBe("reauthentication_required:replaced");
    expect(as.revoked).toEqual([]);
    expect(await row(ALICE)).toMatchObject({ state: "ended", version: 1, sealedTokenSet: "" });
  });

  it("a caller whose wait runs out after it is not handed the old token (I7, I16)", async () => {
    const { as, server, signInBoth, clock } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const [one, two] = [server(), server()];
    as.hold();
    await clock.advance(HOUR_MS - 8 * SECOND_MS);
    const call = one.token(ALICE);
    await clock.advance(SECOND_MS);

    await two.manager.endGrant(ALICE, "signed_out", { revoke: true });
    await clock.advance(4 * SECOND_MS);

    expect(await call).toBe("reauthentication_required:signed_out");
    as.release();
    await clock.settle();
  });

  it("whose tokens wait in memory for the store: they are revoked, not stored (I7, I16)", async () => {
    const { as, server, signInBoth, row, clock } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const { token, manager, store, shared } = server();
    await clock.advance(2 * MINUTE_MS);
    store.break("commit", "fail");
    const call = token(ALICE, { maxWaitMs: 30_000 });
    await clock.advance(15 * SECOND_MS);
    expect(await call).toBe("at.alice.2");

    store.mend();
    await manager.endGrant(ALICE, "signed_out", { revoke: true });
    await clock.settle();

    expect(await token(ALICE)).toBe("reauthentication_required:signed_out");
    expect(as.liveRefreshTokens("alice")).toEqual([]);
    expect((await row(ALICE)).sealedTokenSet).toBe("");
    expect(shared.pendingRotations.size).toBe(0);
  });

  it("whose late tokens lose the commit as well: they are revoked, not kept (I7, S5)", async () => {
    const { as, server, signInBoth, clock, row } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { token, manager } = server();
    as.failNext({ hang: "deaf", afterMs: 10 * MINUTE_MS, commits: true });
    await clock.advance(50 * MINUTE_MS);
    await token(ALICE);
    await clock.advance(5 * MINUTE_MS);
    await manager.endGrant(ALICE, "signed_out", { revoke: true });
    await clock.advance(5 * MINUTE_MS);

    expect(as.revoked).toEqual(["rt.alice.1", "rt.alice.2"]);
    expect(await row(ALICE)).toMatchObject({ version: 1, candidates: [] });
  });

  it.each(Array.from({ length: 14 }, (_, step) => step))(
    "at store step %i of two servers' refreshes: no live token is left, at the server or in the store (I7, I16)",
    async (step) => {
      const { as, server, signInBoth, row, clock } = scenario({ lifetimeMs: MINUTE_MS });
      as.latencyMs = 200;
      await signInBoth();
      const [one, two, third] = [server(), server(), server()];
      for (const { store } of [one, two])
        for (const operation of ["read", "acquireLease", "commit"] as const) store.break(operation, 100);
      await clock.advance(2 * MINUTE_MS);
      const calls = [one.token(ALICE), two.token(ALICE), two.token(BOB)];
      await clock.advance(50 * step);

      await third.manager.endGrant(ALICE, "signed_out", { revoke: true });
      await clock.advance(10 * SECOND_MS);
      for (const { store } of [one, two]) store.mend();

      const [first, second, bob] = await Promise.all(calls);
      for (const answer of [first, second])
        expect(answer).toMatch(/^(at\.alice\.2|reauthentication_required:signed_out)$/);
      expect(bob).toBe("at.bob.2");
      expect(as.liveRefreshTokens("alice")).toEqual([]);
      expect(await row(ALICE)).toMatchObject({
        state: "ended",
        endReason: "signed_out",
        sealedTokenSet: "",
        candidates: [],
      });
      expect(await one.token(ALICE)).toBe("reauthentication_required:signed_out");
      expect(await one.token(BOB)).toBe("at.bob.2");
    },
  );

  it("in any interleaving of every store step and answer of two servers: as above, and one refresh (I1, I7, I16)", async () => {
    const seen = { refreshedFirst: 0, signedOutFirst: 0, revokedLate: 0 };
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.nat(8), async (scheduler, stepsBefore) => {
        const { as, server, signInBoth, row, clock, store } = scenario({ lifetimeMs: MINUTE_MS });
        await signInBoth();
        await clock.advance(2 * MINUTE_MS);
        const [one, two, third] = [server(), server(), server()];
        for (const each of [one, two, third]) scheduledStore(scheduler, each.store, store);
        const answer = as.refresh.bind(as);
        as.refresh = async (request) => {
          await scheduler.schedule(Promise.resolve(), "request arrives");
          const outcome = await answer(request);
          await scheduler.schedule(Promise.resolve(), "answer arrives");
          return outcome;
        };
        const calls = [one.token(ALICE), two.token(ALICE), two.token(BOB)];
        const signOut = async (): Promise<boolean> => {
          for (let step = 0; step < stepsBefore; step++)
            await scheduler.schedule(Promise.resolve(), "user reads on");
          return third.manager.endGrant(ALICE, "signed_out", { revoke: true });
        };
        const signedOut = signOut();

        const all = Promise.all([...calls, signedOut]);
        for (let turn = 0; turn < 400 && !(await done(all)); turn++) {
          if (scheduler.count() > 0) await scheduler.waitNext(1);
          else await clock.advance(50);
        }
        const [first, second, bob, ended] = await all;
        for (let turn = 0; turn < 100 && scheduler.count() > 0; turn++) await scheduler.waitNext(1);
        await clock.advance(SECOND_MS);
        for (let turn = 0; turn < 100 && scheduler.count() > 0; turn++) await scheduler.waitNext(1);
        await clock.settle();

        expect([bob, ended]).toEqual(["at.bob.2", true]);
        for (const token of [first, second])
          expect(token).toMatch(/^(at\.alice\.2|reauthentication_required:signed_out)$/);
        expect(as.requestsOf("alice")).toBeLessThanOrEqual(1);
        expect([as.replayed, as.liveRefreshTokens("alice")]).toEqual([[], []]);
        const after = await row(ALICE);
        expect(after).toMatchObject({
          state: "ended",
          endReason: "signed_out",
          sealedTokenSet: "",
          candidates: [],
        });
        if (after.version === 2) seen.refreshedFirst++;
        else seen.signedOutFirst++;
        if (after.version === 1 && as.revoked.includes("rt.alice.2")) seen.revokedLate++;
      }),
      { numRuns: 200, seed: 20_260_101 },
    );
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
  }, 60_000);
});

async function done(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  return settled;
}
