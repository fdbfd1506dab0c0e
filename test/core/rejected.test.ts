import { describe, expect, it } from "vitest";

import { sealCandidate, sealTokens } from "../../src/core/seal-tokens.ts";
import type { TokenSet } from "../../src/core/token-set.ts";
import { ALICE, BOB, MINUTE_MS, SECOND_MS, boxSealer, scenario, type Scenario } from "./support/scenario.ts";

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
    else one.store.answer("read", async () => undefined);
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
