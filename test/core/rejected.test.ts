import { describe, expect, it } from "vitest";

import { sealCandidate, sealTokens } from "../../src/core/seal-tokens.ts";
import type { TokenSet } from "../../src/core/token-set.ts";
import {
  ALICE,
  BOB,
  DAY_MS,
  HOUR_MS,
  MINUTE_MS,
  SECOND_MS,
  boxSealer,
  scenario,
  type Scenario,
  type Server,
} from "./support/scenario.ts";

/** Keeps a token set as a candidate of Alice's grant, as a server does whose commit lost. */
async function keep({ store, row }: Scenario, attemptId: string, tokenSet: TokenSet): Promise<void> {
  const { version } = await row(ALICE);
  await store.addCandidate(ALICE, sealCandidate(boxSealer(), ALICE, version, attemptId, tokenSet));
}

describe("a refused refresh token", () => {
  it("ends the grant with its reason, once, and is not sent again (I6, F31, F32)", async () => {
    const { clock, as, server, signInBoth, row, eventsOf } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const [one, two] = [server(), server()];
    as.killFamily("alice");
    await clock.advance(2 * MINUTE_MS);

    for (const { token } of [one, two, one])
      expect(await token(ALICE)).toBe("reauthentication_required:rejected");
    await clock.settle();

    expect(as.sent).toEqual(["rt.alice.1"]);
    expect(eventsOf("grant_ended")).toMatchObject([{ grantRef: "alice-grant-", reason: "rejected" }]);
    expect(await row(ALICE)).toMatchObject({ state: "ended", endReason: "rejected", sealedTokenSet: "" });
    expect(await one.token(BOB)).toBe("at.bob.2");
  });

  it("is no end if somebody has stored a newer one meanwhile: that one is adopted (I6, F16, M17)", async () => {
    const { clock, as, server, signInBoth, store, row, eventsOf } = scenario({ lifetimeMs: MINUTE_MS });
    as.rotation = "strict_error";
    await signInBoth();
    const { token } = server();
    await clock.advance(2 * MINUTE_MS);
    const winners = as.rotateElsewhere("alice");
    as.hold();
    const call = token(ALICE);
    await clock.settle();
    await store.commit(ALICE, {
      ...sealTokens(boxSealer(), ALICE, 2, winners),
      expectedVersion: 1,
      slidingEndMs: 0,
    });

    as.release();
    await clock.settle();

    expect(await call).toBe("at.alice.2");
    expect(as.replayed).toEqual(["rt.alice.1"]);
    expect(await row(ALICE)).toMatchObject({ state: "live", version: 2, lease: null, intent: null });
    expect([eventsOf("grant_ended").length, eventsOf("refresh_adopted").length]).toEqual([0, 1]);
  });

  it("is no end if a newer one arrives in the very moment of the end (I6, I2)", async () => {
    const { clock, as, server, signInBoth, store, row, eventsOf } = scenario({ lifetimeMs: MINUTE_MS });
    as.rotation = "strict_error";
    await signInBoth();
    const one = server();
    await clock.advance(2 * MINUTE_MS);
    const winners = as.rotateElsewhere("alice");
    one.store.answer("end", async (id, reason, version) => {
      await store.commit(ALICE, {
        ...sealTokens(boxSealer(), ALICE, 2, winners),
        expectedVersion: 1,
        slidingEndMs: 0,
      });
      return store.end(id as string, reason as "rejected", version as number);
    });

    expect(await one.token(ALICE)).toBe("at.alice.2");
    expect((await row(ALICE)).state).toBe("live");
    expect(eventsOf("grant_ended")).toEqual([]);
  });

  it("is no end while the store cannot confirm it (I6)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const one = server();
    as.killFamily("alice");
    await clock.advance(2 * MINUTE_MS);
    one.store.break("end", "fail", 1);

    const call = one.token(ALICE);
    await clock.advance(6 * SECOND_MS);
    expect(await call).toMatch(/^refresh_unavailable/);
    expect((await row(ALICE)).state).toBe("live");
    await clock.advance(30 * SECOND_MS);
    expect(await one.token(ALICE)).toMatch(/^reauthentication_required/);
  });

  it.each([
    ["signed_out", "end"],
    ["missing", "read"],
  ] as const)("of a grant that is gone by then says %s", async (reason, gone) => {
    const { clock, as, server, signInBoth, store } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const one = server();
    as.killFamily("alice");
    await clock.advance(2 * MINUTE_MS);
    as.hold();
    const call = one.token(ALICE);
    await clock.settle();
    if (gone === "end") await store.end(ALICE, "signed_out");
    else one.store.answer("acquireLease", async () => ({ status: "absent" }));
    as.release();
    await clock.settle();

    expect(await call).toBe(`reauthentication_required:${reason}`);
  });
});

describe("the refresh tokens that lost a commit", () => {
  it("are tried before the grant is called dead, newest first, and one saves it (S5, P4, M20)", async () => {
    const world = scenario({ lifetimeMs: MINUTE_MS });
    const { clock, as, server, signInBoth, row, store, eventsOf } = world;
    as.rotation = "last_wins";
    as.graceMs = MINUTE_MS;
    await signInBoth();
    const { token } = server();
    const [stored, winners] = [as.rotateElsewhere("alice"), as.replay("rt.alice.1")];
    await store.commit(ALICE, {
      ...sealTokens(boxSealer(), ALICE, 2, stored),
      expectedVersion: 1,
      slidingEndMs: 0,
    });
    await keep(world, "dead", { ...winners, refreshToken: "rt.alice.77" });
    await keep(world, "winner", winners);
    await keep(world, "dead too", { ...winners, refreshToken: "rt.alice.78" });
    await clock.advance(2 * MINUTE_MS);

    expect(await token(ALICE)).toBe("at.alice.4");

    expect(as.sent).toEqual(["rt.alice.2", "rt.alice.78", "rt.alice.3"]);
    const { state, version, candidates } = await row(ALICE);
    expect([state, version, candidates.map(({ attemptId }) => attemptId)]).toEqual(["live", 3, ["dead"]]);
    expect(eventsOf("grant_ended")).toEqual([]);
  });

  it("end the grant only when all of them are refused too; none is sent twice (I6a, SEC-71)", async () => {
    const world = scenario({ lifetimeMs: MINUTE_MS });
    const { clock, as, server, signInBoth, row } = world;
    as.rotation = "strict_error";
    await signInBoth();
    const { token } = server();
    const set = as.rotateElsewhere("alice");
    as.killFamily("alice");
    for (const serial of [5, 6, 7, 8])
      await keep(world, `c${serial}`, { ...set, refreshToken: `rt.alice.${serial}` });
    await clock.advance(2 * MINUTE_MS);

    expect(await token(ALICE)).toBe("reauthentication_required:rejected");

    expect(as.sent).toEqual(["rt.alice.1", "rt.alice.8", "rt.alice.7", "rt.alice.6"]);
    expect((await row(ALICE)).state).toBe("ended");
  });

  it("are not sent if they are the very token that was refused, or none at all", async () => {
    const world = scenario({ lifetimeMs: MINUTE_MS });
    const { clock, as, server, signInBoth } = world;
    const { refreshToken: _, ...without } = await world.signIn("bob", BOB);
    await signInBoth();
    const { token } = server();
    as.killFamily("alice");
    await keep(world, "same", { ...without, refreshToken: "rt.alice.1" });
    await keep(world, "none", without);
    await clock.advance(2 * MINUTE_MS);

    expect(await token(ALICE)).toBe("reauthentication_required:rejected");
    expect(as.sent).toEqual(["rt.alice.1"]);
  });

  it("keep the grant alive while their answer is not known (I6)", async () => {
    const world = scenario({ lifetimeMs: MINUTE_MS });
    const { clock, as, server, signInBoth, row } = world;
    as.rotation = "strict_error";
    await signInBoth();
    const { token } = server();
    const lost = as.rotateElsewhere("alice");
    await keep(world, "winner", lost);
    await clock.advance(2 * MINUTE_MS);
    as.failNext(
      { answer: { kind: "rejected", code: "invalid_grant" } },
      { answer: { kind: "unknown", code: "http_503", answered: true } },
    );

    const call = token(ALICE);
    await clock.advance(5 * SECOND_MS);

    expect(await call).toBe("at.alice.3");
    expect((await row(ALICE)).state).toBe("live");
  });

  it("that this server cannot open do not keep the grant alive for ever: a day is their time (I20, S5)", async () => {
    const { clock, as, server, signInBoth, row, store } = scenario({ lifetimeMs: 30 * MINUTE_MS });
    as.rotation = "strict_error";
    await signInBoth();
    const { token } = server();
    await store.addCandidate(
      ALICE,
      sealCandidate(boxSealer("k2"), ALICE, 1, "old", as.rotateElsewhere("alice")),
    );
    await clock.advance(24 * HOUR_MS);
    const call = token(ALICE);
    await clock.advance(SECOND_MS);

    expect(await call).toBe("reauthentication_required:rejected");
    expect((await row(ALICE)).state).toBe("ended");
  });

  it("that this server cannot open are not dropped, and the grant does not end here (I6, I15)", async () => {
    const world = scenario({ lifetimeMs: MINUTE_MS });
    const { clock, as, server, signInBoth, row, store, eventsOf } = world;
    as.rotation = "strict_error";
    await signInBoth();
    const [poor, rich] = [server(), server({ sealer: boxSealer("k1", ["k1", "k2"]) })];
    const lost = as.rotateElsewhere("alice");
    await store.addCandidate(ALICE, sealCandidate(boxSealer("k2"), ALICE, 1, "winner", lost));
    await clock.advance(2 * MINUTE_MS);

    const call = poor.token(ALICE);
    await clock.advance(6 * SECOND_MS);
    expect(await call).toBe("refresh_unavailable:unseal_failed");
    expect(await row(ALICE)).toMatchObject({ state: "live", candidates: [{ attemptId: "winner" }] });
    expect(eventsOf("unseal_failed").length).toBeGreaterThan(0);

    await clock.advance(MINUTE_MS);
    const saved = rich.token(ALICE);
    await clock.advance(SECOND_MS);
    expect(await saved).toBe("at.alice.3");
    expect(as.requestsOf("alice")).toBe(3);
  });

  it("are worth trying for a day, and are dropped after that (I6, S5)", async () => {
    for (const [ageMs, expected] of [
      [DAY_MS - 1, "at.alice.3"],
      [DAY_MS, "reauthentication_required:rejected"],
    ] as const) {
      const world = scenario({ lifetimeMs: MINUTE_MS });
      const { clock, as, server, signInBoth } = world;
      as.rotation = "strict_error";
      await signInBoth();
      await keep(world, "winner", as.rotateElsewhere("alice"));
      await clock.advance(ageMs);

      expect([ageMs, await server().token(ALICE)]).toEqual([ageMs, expected]);
      expect(as.sent).toHaveLength(expected.startsWith("at.") ? 2 : 1);
    }
  });

  it("and save the grant are told of, by the attempt that brought them (S5)", async () => {
    const world = scenario({ lifetimeMs: MINUTE_MS });
    const { clock, as, server, signInBoth, row, eventsOf } = world;
    as.rotation = "strict_error";
    await signInBoth();
    await keep(world, "winner", as.rotateElsewhere("alice"));
    await clock.advance(2 * MINUTE_MS);
    await server().token(ALICE);
    await server().token(BOB);

    expect(eventsOf("candidate_used")).toMatchObject([{ grantRef: "alice-grant-", attemptId: "winner" }]);
    expect((await row(ALICE)).candidates).toEqual([]);
  });

  it("are told of if they bring somebody else's tokens, and nothing is stored of those (I18, SEC-43)", async () => {
    const world = scenario({ lifetimeMs: MINUTE_MS });
    const { clock, as, server, signInBoth, row, eventsOf } = world;
    as.rotation = "strict_error";
    await signInBoth();
    await keep(world, "winner", as.rotateElsewhere("alice"));
    await clock.advance(2 * MINUTE_MS);
    as.failNext({ answer: { kind: "rejected", code: "invalid_grant" } });
    as.failNext({ answer: { kind: "committed_bad", code: "subject_mismatch" }, commits: true });
    const call = server().token(ALICE, { maxWaitMs: 0 });
    await clock.advance(SECOND_MS);

    expect(await call).toBe("refresh_unavailable:subject_mismatch");
    expect(as.sent).toEqual(["rt.alice.1", "rt.alice.2"]);
    expect(eventsOf("subject_mismatch")).toHaveLength(1);
    expect(await row(ALICE)).toMatchObject({ state: "live", version: 1 });
  });

  it("serve another target's caller too: the chain goes on, and then comes its own turn (S5, M19)", async () => {
    const world = scenario({ lifetimeMs: HOUR_MS });
    const { as, server, signInBoth } = world;
    as.rotation = "strict_error";
    await signInBoth();
    await keep(world, "winner", as.rotateElsewhere("alice"));

    expect(await server().token(ALICE, { target: { resource: "calendar" } })).toBe("at.alice.4@calendar");
    // The refusal may have been meant of the target: that is asked first.
    expect(as.sent).toEqual(["rt.alice.1", "rt.alice.1", "rt.alice.2", "rt.alice.3"]);
    expect(as.targets).toEqual([{ resource: "calendar" }, undefined, undefined, { resource: "calendar" }]);
  });

  it("are revoked with everything else at sign-out (I16, S5)", async () => {
    const world = scenario({ lifetimeMs: MINUTE_MS });
    const { clock, as, server, signInBoth } = world;
    as.rotation = "grace_forks";
    await signInBoth();
    const lost = as.rotateElsewhere("alice");
    await keep(world, "one", lost);

    await server().manager.endGrant(ALICE, "signed_out", { revoke: true });
    await clock.settle();

    expect(as.revoked).toEqual(["rt.alice.1", "rt.alice.2"]);
    expect(as.liveRefreshTokens("alice")).toEqual([]);
  });

  it("are at most three", async () => {
    const world = scenario({ lifetimeMs: MINUTE_MS });
    const set = await world.signIn("alice", ALICE);
    for (const serial of [1, 2, 3, 4, 5]) await keep(world, `c${serial}`, set);

    const { candidates } = await world.row(ALICE);
    expect(candidates.map(({ attemptId }) => attemptId)).toEqual(["c3", "c4", "c5"]);
  });
});

describe("a refresh token that has just lost a commit", () => {
  interface Losing extends Scenario {
    readonly slow: Server;
    readonly fast: Server;
  }

  /** A slow server's request has won at a last-wins server, but a fast one's commit was first; the slow one wakes up. */
  async function losing(
    rotation: "last_wins" | "idempotent" | "static",
    storeTakesIt: boolean,
  ): Promise<Losing> {
    const world = scenario({ lifetimeMs: MINUTE_MS });
    const { clock, as } = world;
    as.rotation = rotation;
    as.graceMs = HOUR_MS;
    await world.signInBoth();
    const [slow, fast] = [world.server(), world.server()];
    await clock.advance(2 * MINUTE_MS);
    as.failNext({ hang: "deaf", afterMs: 30 * SECOND_MS });
    void slow.token(ALICE);
    await clock.settle();
    // Nobody else may have the lease for so long; here the store's clock ended it, and the intent was resolved.
    await world.store.releaseLease(ALICE, (await world.row(ALICE)).lease!, { intent: null });
    expect(await fast.token(ALICE)).toMatch(/^at\.alice\./);
    if (!storeTakesIt) slow.store.break("addCandidate", "fail");
    await clock.advance(30 * SECOND_MS);
    return { ...world, slow, fast };
  }

  it("is offered to the store until it takes it, for an hour if it must be (I4, S5, M11)", async () => {
    const { clock, slow, row, eventsOf } = await losing("last_wins", false);
    await clock.advance(50 * MINUTE_MS);
    expect([(await row(ALICE)).candidates.length, slow.shared.pendingCandidates.size]).toEqual([0, 1]);
    const tries = slow.store.count("addCandidate");
    expect(tries).toBeGreaterThan(100);
    expect(tries).toBeLessThan(500);

    slow.store.mend();
    await clock.advance(15 * SECOND_MS);

    expect((await row(ALICE)).candidates).toHaveLength(1);
    expect([slow.shared.pendingCandidates.size, clock.pendingSleeps]).toEqual([0, 0]);
    expect(eventsOf("candidate_kept")).toHaveLength(1);
  });

  it("is not offered for longer than an hour by itself (I11)", async () => {
    const { clock, slow } = await losing("last_wins", false);
    await clock.advance(HOUR_MS + MINUTE_MS);
    const tries = slow.store.count("addCandidate");
    await clock.advance(HOUR_MS);

    expect([slow.store.count("addCandidate") - tries, clock.pendingSleeps]).toEqual([0, 0]);
  });

  it("is tried before the grant is called dead, even if the store has not taken it yet (I6, S5, M20)", async () => {
    const { clock, as, slow, row, eventsOf } = await losing("last_wins", false);
    expect(as.liveRefreshTokens("alice")).toEqual(["rt.alice.3"]);
    await clock.advance(50 * SECOND_MS);
    expect((await row(ALICE)).candidates).toEqual([]);
    as.rotation = "strict_error";
    const early = slow.token(ALICE);
    await clock.advance(6 * SECOND_MS);
    expect(await early).toBe("refresh_unavailable:store_failed");
    expect(await row(ALICE)).toMatchObject({ state: "live", lease: null });

    slow.store.mend();
    const call = slow.token(ALICE);
    await clock.advance(6 * SECOND_MS);
    expect(await call).toBe("at.alice.4");
    expect(as.sent.slice(-2)).toEqual(["rt.alice.2", "rt.alice.3"]);
    expect(eventsOf("grant_ended")).toEqual([]);
    expect(await row(ALICE)).toMatchObject({ state: "live", version: 3, candidates: [] });
  });

  it.each(["idempotent", "static"] as const)(
    "is not kept if it is the very one that is stored: %s (P0, P2, TL3)",
    async (rotation) => {
      const { slow, fast, row, eventsOf } = await losing(rotation, true);

      expect(await row(ALICE)).toMatchObject({ version: 2, candidates: [] });
      expect(eventsOf("candidate_kept")).toEqual([]);
      expect(await slow.token(ALICE)).toBe(await fast.token(ALICE));
      expect(await fast.token(BOB)).toMatch(/^at\.bob\./);
    },
  );

  it("is revoked instead if the user signs out before the store takes it (I7, I16, TL4)", async () => {
    const { clock, as, slow, fast, row } = await losing("last_wins", false);
    await fast.manager.endGrant(ALICE, "signed_out", { revoke: true });
    slow.store.mend();
    await clock.advance(15 * SECOND_MS);

    expect(as.revoked).toEqual(["rt.alice.2", "rt.alice.3"]);
    expect(as.liveRefreshTokens("alice")).toEqual([]);
    expect(await row(ALICE)).toMatchObject({ state: "ended", candidates: [] });
  });
});

describe("a process that has no key for the tokens", () => {
  it("keeps its hands off the lease of a due refresh: another one may have the key (SEC-60)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const [poor, rich] = [server({ sealer: boxSealer("k2", ["k2"]) }), server()];
    await clock.advance(55 * MINUTE_MS);

    for (const id of [ALICE, BOB]) void poor.manager.view(id);
    await clock.settle();
    expect([poor.store.count("acquireLease"), as.sent]).toEqual([0, []]);

    expect(await rich.token(ALICE)).toBe("at.alice.1");
    await clock.settle();
    expect(as.sent).toEqual(["rt.alice.1"]);
  });
});
