import { describe, expect, it } from "vitest";

import { sealCandidate } from "../../src/core/seal-tokens.ts";
import { createTokenManager } from "../../src/core/token-manager.ts";
import { BreakableStore } from "./support/breakable-store.ts";
import {
  ALICE,
  BOB,
  HOUR_MS,
  MINUTE_MS,
  SECOND_MS,
  boxSealer,
  outcomeOf,
  scenario,
} from "./support/scenario.ts";

const TELEPHONE = "k1.alice-on-the-telephone";
const OF_ALICE = { subjectRef: "subject-alice" };

describe("a sign-out whose acknowledgement got lost", () => {
  it.each(["ack_lost", 4 * SECOND_MS] as const)(
    "is told, revoked and wiped by the repetition (I16, X26): %s",
    async (fault) => {
      const { as, clock, server, signInBoth, row, eventsOf } = scenario();
      await signInBoth();
      const { manager, store, token, shared } = server();
      store.break("end", fault, 1);

      const ended = outcomeOf(manager.endGrant(ALICE, "signed_out", { revoke: true }).then(String));
      await clock.advance(3 * SECOND_MS);
      expect(await ended).toBe("store_failed");
      await clock.advance(10 * SECOND_MS);

      expect(eventsOf("grant_ended")).toMatchObject([{ grantRef: "alice-grant-", reason: "signed_out" }]);
      expect(as.revoked).toEqual(["rt.alice.1"]);
      expect(await row(ALICE)).toMatchObject({ endReason: "signed_out", sealedTokenSet: "" });
      expect([await token(BOB), shared.pendingEnds.size]).toEqual(["at.bob.1", 0]);
    },
  );

  it("is told once, although the application says it again at the same moment (X26)", async () => {
    const { as, clock, server, signInBoth, eventsOf } = scenario();
    await signInBoth();
    const { manager, store } = server();
    store.break("end", "ack_lost", 1);
    await outcomeOf(manager.endGrant(ALICE, "signed_out", { revoke: true }).then(String));

    const again = [1, 2, 3].map(() => manager.endGrant(ALICE, "signed_out", { revoke: true }));
    expect((await Promise.all(again)).filter(Boolean)).toEqual([true]);
    await clock.advance(MINUTE_MS);

    expect(eventsOf("grant_ended")).toHaveLength(1);
    expect(as.revoked).toEqual(["rt.alice.1"]);
  });

  it("is not told by a second server that finds the grant ended (I7)", async () => {
    const { clock, server, signInBoth, eventsOf } = scenario();
    await signInBoth();
    const [one, two] = [server(), server()];

    const ends = [one, two].map(({ manager }) => manager.endGrant(ALICE, "signed_out", { revoke: true }));
    expect((await Promise.all(ends)).filter(Boolean)).toEqual([true]);
    await clock.advance(MINUTE_MS);

    expect(eventsOf("grant_ended")).toHaveLength(1);
  });
});

describe("a sign-out everywhere that fails", () => {
  it("is told, revoked and wiped for each grant although its acknowledgement got lost (I16, X26)", async () => {
    const { as, clock, server, signInBoth, signIn, row, eventsOf } = scenario();
    await signInBoth();
    await signIn("alice", TELEPHONE);
    const { manager, store, token } = server();
    store.break("endMatching", "ack_lost", 1);

    expect(await outcomeOf(manager.endGrants(OF_ALICE, "revoked", { revoke: true }).then(String))).toBe(
      "store_failed",
    );
    await clock.advance(10 * SECOND_MS);

    expect(eventsOf("grant_ended")).toMatchObject([{ reason: "revoked" }, { reason: "revoked" }]);
    expect(as.revoked).toHaveLength(2);
    for (const id of [ALICE, TELEPHONE])
      expect(await row(id)).toMatchObject({ endReason: "revoked", sealedTokenSet: "" });
    expect([await token(BOB), (await row(BOB)).state]).toEqual(["at.bob.1", "live"]);
  });

  it.each([-2 * HOUR_MS, -10 * MINUTE_MS, 10 * MINUTE_MS])(
    "does the same with a clock that is %s ms ahead of the store's, and tells of no older end again (X20, X21)",
    async (skewMs) => {
      const { as, clock, server, signInBoth, signIn, row, eventsOf } = scenario({ lifetimeMs: 4 * HOUR_MS });
      await signInBoth();
      await signIn("alice", TELEPHONE);
      const poor = server({ sealer: boxSealer("k2", ["k2"]) });
      await poor.manager.endGrant(TELEPHONE, "revoked", { revoke: true });
      await clock.advance(3 * MINUTE_MS);
      const { manager, store } = server({ skewMs });
      store.break("endMatching", "ack_lost", 1);
      await outcomeOf(manager.endGrants(OF_ALICE, "revoked", { revoke: true }).then(String));
      await clock.advance(10 * SECOND_MS);

      expect(as.revoked).toEqual(["rt.alice.1"]);
      expect(await row(ALICE)).toMatchObject({ endReason: "revoked", sealedTokenSet: "" });
      expect((await row(TELEPHONE)).sealedTokenSet).not.toBe("");
      expect(eventsOf("grant_ended")).toHaveLength(2);
    },
  );

  it("is found although this server's clock is set back before it looks (X19, I17)", async () => {
    const { as, clock, store, signInBoth } = scenario({ lifetimeMs: 4 * HOUR_MS });
    await signInBoth();
    let offsetMs = 0;
    const breakable = new BreakableStore(store, clock);
    const manager = createTokenManager({
      ...{ store: breakable.store, sealer: boxSealer(), refresher: as, holder: "s", newId: () => "attempt" },
      random: () => 0.5,
      clock: { nowMs: () => clock.nowMs() + offsetMs, sleep: (...args) => clock.sleep(...args) },
    });
    breakable.break("endMatching", "ack_lost", 1);
    await outcomeOf(manager.endGrants(OF_ALICE, "revoked", { revoke: true }).then(String));
    offsetMs = -10 * MINUTE_MS;
    await clock.advance(10 * SECOND_MS);

    expect(as.revoked).toEqual(["rt.alice.1"]);
  });

  it("does the same when the application says it again, and answers how many it ended then (X26)", async () => {
    const { as, clock, server, signInBoth, eventsOf } = scenario();
    await signInBoth();
    const { manager, store } = server();
    store.break("endMatching", "ack_lost", 1);
    await outcomeOf(manager.endGrants(OF_ALICE, "revoked", { revoke: true }).then(String));

    expect(await manager.endGrants(OF_ALICE, "revoked", { revoke: true })).toBe(0);
    await clock.advance(10 * SECOND_MS);

    expect([as.revoked, eventsOf("grant_ended").length]).toEqual([["rt.alice.1"], 1]);
  });

  it("finds each of them although the store fails once more while it looks for them (I16, X25)", async () => {
    const { as, clock, server, signInBoth, signIn, eventsOf } = scenario();
    await signInBoth();
    await signIn("alice", TELEPHONE);
    const { manager, store } = server();
    store.break("endMatching", "ack_lost", 1);
    store.break("read", "fail", 1);
    await outcomeOf(manager.endGrants(OF_ALICE, "revoked", { revoke: true }).then(String));
    await clock.advance(MINUTE_MS);

    expect([as.revoked.length, eventsOf("grant_ended").length]).toEqual([2, 2]);
  });

  it("is offered again until the store takes it, and refused here at once (I16, SEC-13)", async () => {
    const { as, clock, server, signInBoth, row, eventsOf } = scenario();
    await signInBoth();
    const { manager, store, token, shared } = server();
    expect([await token(ALICE), await token(BOB)]).toEqual(["at.alice.1", "at.bob.1"]);
    store.breakAll("fail");
    await outcomeOf(manager.endGrants(OF_ALICE, "revoked", { revoke: true }).then(String));

    expect([await token(ALICE), await token(BOB)]).toEqual(["reauthentication_required:revoked", "at.bob.1"]);
    await clock.advance(MINUTE_MS);
    expect((await row(ALICE)).state).toBe("live");
    store.mend();
    await clock.advance(MINUTE_MS);

    expect(await row(ALICE)).toMatchObject({ endReason: "revoked", sealedTokenSet: "" });
    expect([as.revoked, eventsOf("grant_ended").length, shared.pendingEnds.size]).toEqual([
      ["rt.alice.1"],
      1,
      0,
    ]);
    expect(await token(BOB)).toBe("at.bob.1");
  });

  it("that names nobody is refused, and ends nothing later either (SEC-70)", async () => {
    const { clock, server, signInBoth, row } = scenario();
    await signInBoth();
    const { manager, token, shared } = server();
    await token(ALICE);

    await expect(manager.endGrants({} as never, "revoked", { revoke: true })).rejects.toThrow();
    await clock.advance(MINUTE_MS);

    expect([(await row(ALICE)).state, await token(ALICE), shared.pendingEnds.size]).toEqual([
      "live",
      "at.alice.1",
      0,
    ]);
  });
});

describe("a revocation that the authorization server does not take", () => {
  it("is offered again with growing pauses, and wipes the tokens once it is taken (X9, I16)", async () => {
    const { as, clock, server, signInBoth, row, eventsOf } = scenario();
    await signInBoth();
    as.revokeOutcome = "failed";
    await server().manager.endGrant(ALICE, "signed_out", { revoke: true });
    await clock.advance(30 * MINUTE_MS);
    expect((await row(ALICE)).sealedTokenSet).not.toBe("");
    as.revokeOutcome = "revoked";
    await clock.advance(5 * MINUTE_MS);

    expect(as.revoked).toEqual(["rt.alice.1"]);
    expect((await row(ALICE)).sealedTokenSet).toBe("");
    expect(eventsOf("revocation_ended")).toMatchObject([{ outcome: "failed" }, { outcome: "revoked" }]);
  });

  it("is offered for about an hour, some twenty times, and then left to the sweep (I10, I11)", async () => {
    const { as, clock, server, signInBoth, row, eventsOf } = scenario();
    await signInBoth();
    let asked = 0;
    as.revoke = () => Promise.resolve(asked++ < 0 ? "revoked" : "failed");
    const { manager, shared } = server();
    await manager.endGrant(ALICE, "signed_out", { revoke: true });
    await clock.advance(2 * HOUR_MS);

    expect(asked).toBeGreaterThan(12);
    expect(asked).toBeLessThan(25);
    expect([clock.pendingSleeps, shared.pendingRevocations.size]).toEqual([0, 0]);
    expect((await row(ALICE)).sealedTokenSet).not.toBe("");
    expect(eventsOf("revocation_ended")).toHaveLength(1);
  });

  it("is offered again for tokens that came after the sign-out as well (I7, I16)", async () => {
    const { as, clock, server, signInBoth } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const [one, two] = [server(), server()];
    await clock.advance(2 * MINUTE_MS);
    as.hold();
    const call = one.token(ALICE);
    await clock.settle();
    await two.manager.endGrant(ALICE, "signed_out", { revoke: true });
    as.revokeOutcome = "failed";
    as.release();
    await clock.advance(10 * MINUTE_MS);
    expect(await call).toBe("reauthentication_required:signed_out");
    expect(as.liveRefreshTokens("alice")).toEqual(["rt.alice.2"]);
    as.revokeOutcome = "revoked";
    await clock.advance(10 * MINUTE_MS);

    expect(as.liveRefreshTokens("alice")).toEqual([]);
  });

  it("of a refresher that throws at once does not spare the other token sets (I16)", async () => {
    const { as, clock, server, signInBoth, store, row } = scenario();
    await signInBoth();
    const other = as.rotateElsewhere("alice");
    await store.addCandidate(ALICE, sealCandidate(boxSealer(), ALICE, 1, "loser", other));
    const revoke = as.revoke.bind(as);
    as.revoke = (request) => {
      if (request.tokenSet.refreshToken === "rt.alice.1") throw new TypeError("a slip in the backend");
      return revoke(request);
    };
    await server().manager.endGrant(ALICE, "signed_out", { revoke: true });
    await clock.advance(MINUTE_MS);

    expect(as.revoked).toEqual(["rt.alice.2"]);
    expect((await row(ALICE)).sealedTokenSet).not.toBe("");
  });

  it("does not keep close() waiting for better times (I11)", async () => {
    const { as, clock, server, signInBoth } = scenario();
    await signInBoth();
    as.revokeOutcome = "failed";
    const { manager } = server();
    await manager.endGrant(ALICE, "signed_out", { revoke: true });
    await clock.advance(10 * SECOND_MS);

    await manager.close();
    await clock.settle();

    expect(clock.pendingSleeps).toBe(0);
  });
});

describe("a wipe that the store does not take", () => {
  it("is offered again (SEC-18)", async () => {
    const { as, clock, server, signInBoth, row } = scenario();
    await signInBoth();
    const { manager, store } = server();
    store.break("wipe", "fail", 1);
    await manager.endGrant(ALICE, "signed_out", { revoke: true });
    await clock.advance(MINUTE_MS);

    expect((await row(ALICE)).sealedTokenSet).toBe("");
    expect(as.revoked).toEqual(["rt.alice.1"]);
  });
});

describe("a sign-out on a server that lacks the key", () => {
  it("erases nothing that a server with the key can still revoke (I15, I16)", async () => {
    const { clock, server, signInBoth, row } = scenario();
    await signInBoth();
    const before = await row(ALICE);
    const poor = server({ sealer: boxSealer("k2", ["k2"]) });

    expect(await poor.manager.endGrant(ALICE, "signed_out", { revoke: true })).toBe(true);
    await clock.advance(HOUR_MS);

    expect(await row(ALICE)).toMatchObject({ state: "ended", sealedTokenSet: before.sealedTokenSet });
  });

  it("erases them where nothing is to be revoked (SEC-18)", async () => {
    const { clock, server, signInBoth, row, eventsOf } = scenario();
    await signInBoth();
    const poor = server({ sealer: boxSealer("k2", ["k2"]) });

    await poor.manager.endGrant(ALICE, "replaced", { revoke: false });
    await clock.settle();

    expect([(await row(ALICE)).sealedTokenSet, eventsOf("unseal_failed")]).toEqual(["", []]);
  });
});

describe("an end that the authorization server told, whose acknowledgement got lost", () => {
  it("is told and wiped all the same (X26, SEC-18)", async () => {
    const { as, clock, server, signInBoth, row, eventsOf } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const { token, store } = server();
    as.killFamily("alice");
    store.break("end", "ack_lost", 1);
    await clock.advance(2 * MINUTE_MS);
    const call = token(ALICE);
    await clock.advance(10 * SECOND_MS);

    expect(await call).toMatch(/^reauthentication_required|^refresh_unavailable|^store_failed/);
    expect(eventsOf("grant_ended")).toMatchObject([{ grantRef: "alice-grant-", reason: "rejected" }]);
    expect(await row(ALICE)).toMatchObject({ endReason: "rejected", sealedTokenSet: "" });
    expect([as.revoked, await token(BOB)]).toEqual([[], "at.bob.2"]);
  });

  it("ends nothing later if it was not applied: the next refresh does (I6)", async () => {
    const { as, clock, server, signInBoth, row, eventsOf } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const { token, store } = server();
    as.killFamily("alice");
    store.break("end", "fail", 1);
    await clock.advance(2 * MINUTE_MS);
    const call = token(ALICE, { maxWaitMs: 0 });
    await clock.advance(3 * SECOND_MS);
    await call;

    expect([(await row(ALICE)).state, eventsOf("grant_ended")]).toEqual(["live", []]);
    await clock.advance(MINUTE_MS);
    expect(await token(ALICE)).toMatch(/^reauthentication_required:/);
    expect(eventsOf("grant_ended")).toHaveLength(1);
  });
});

describe("a caller that waits while the store is away", () => {
  it("is not handed a token from memory once this server took the user's sign-out (SEC-13, I16)", async () => {
    const { clock, server, signInBoth } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const { manager, token, store } = server();
    await clock.advance(2 * MINUTE_MS);
    store.break("commit", "fail");
    const calls = [token(ALICE, { maxWaitMs: 30_000 }), token(BOB, { maxWaitMs: 30_000 })];
    await clock.advance(5 * SECOND_MS);
    store.break("end", "fail");

    expect(await outcomeOf(manager.endGrant(ALICE, "signed_out", { revoke: true }).then(String))).toBe(
      "store_failed",
    );
    await clock.advance(10 * SECOND_MS);

    expect(await Promise.all(calls)).toEqual(["reauthentication_required:signed_out", "at.bob.2"]);
  });
});
