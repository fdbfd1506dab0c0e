import { describe, expect, it } from "vitest";

import { sealCandidate } from "../../src/core/seal-tokens.ts";
import type { Sealer } from "../../src/core/sealer.ts";
import {
  ALICE,
  BOB,
  HOUR_MS,
  MINUTE_MS,
  SECOND_MS,
  boxSealer,
  grantInput,
  outcomeOf,
  scenario,
  type Scenario,
  type Server,
} from "./support/scenario.ts";

/** Seals with the new key, opens with both: what every server has while a secret is replaced. */
const bothKeys = (): Sealer => boxSealer("k2", ["k1", "k2"]);
const newOnly = (): Sealer => boxSealer("k2", ["k2"]);

async function replacing(): Promise<Scenario & { old: Server; renewing: Server }> {
  const world = scenario({ lifetimeMs: HOUR_MS });
  await world.signInBoth();
  return { ...world, old: world.server(), renewing: world.server({ sealer: bothKeys() }) };
}

/** Stores many more grants, so that a scan has several pages. */
async function crowd({ as, server }: Scenario, size: number): Promise<readonly string[]> {
  const { manager } = server();
  const ids = Array.from(
    { length: size },
    (_, index) => `k1.grant-of-user-${String(index).padStart(4, "0")}`,
  );
  for (const [index, id] of ids.entries())
    await manager.saveGrant(grantInput(id, `user${index}`, as.signIn(`user${index}`)));
  return ids;
}

describe("sealing everything anew", () => {
  it("puts every grant under the newest key, and its tokens still open and renew (I15)", async () => {
    const { clock, as, renewing, server, row } = await replacing();
    const before = await row(ALICE);

    expect(await renewing.manager.resealGrants()).toEqual({
      scanned: 2,
      resealed: 2,
      unopened: 0,
      cleared: 0,
      needed: { k2: { seals: 2, names: 0 }, k1: { seals: 0, names: 2 } },
    });

    const after = await row(ALICE);
    expect(after).toEqual({ ...before, keyId: "k2", sealedTokenSet: after.sealedTokenSet });
    expect(after.sealedTokenSet).not.toBe(before.sealedTokenSet);
    // The old secret can be dropped as a key that seals.
    const without = server({ sealer: newOnly() });
    expect([await without.token(ALICE), await without.token(BOB)]).toEqual(["at.alice.1", "at.bob.1"]);
    await clock.advance(2 * HOUR_MS);
    expect([await without.token(ALICE), await without.token(BOB)]).toEqual(["at.alice.2", "at.bob.2"]);
    expect(as.replayed).toEqual([]);
  });

  it("takes the candidates along, and they still save the grant (S5, M20)", async () => {
    const { clock, as, renewing, server, store, row } = await replacing();
    as.rotation = "strict_error";
    const live = as.rotateElsewhere("alice");
    await store.addCandidate(ALICE, sealCandidate(boxSealer(), ALICE, 1, "loser", live));
    const [kept] = (await row(ALICE)).candidates;

    expect(await renewing.manager.resealGrants()).toMatchObject({ resealed: 2, unopened: 0 });

    const [moved] = (await row(ALICE)).candidates;
    expect(moved).toEqual({ ...kept, keyId: "k2", sealedTokenSet: moved!.sealedTokenSet });
    await clock.advance(2 * HOUR_MS);
    expect(await server({ sealer: newOnly() }).token(ALICE)).toBe("at.alice.3");
  });

  it("looks at every page, once more finds nothing to do, and signs nobody out", async () => {
    const world = await replacing();
    const ids = await crowd(world, 250);
    const { renewing, events } = world;

    expect(await renewing.manager.resealGrants()).toMatchObject({ scanned: 252, resealed: 252 });
    expect(renewing.store.count("scan")).toBe(3);
    for (const id of [...ids, ALICE, BOB]) expect((await world.row(id)).keyId).toBe("k2");
    expect(await renewing.manager.resealGrants()).toMatchObject({ scanned: 252, resealed: 0, unopened: 0 });
    expect(events.filter(({ type }) => type !== "grant_created")).toEqual([]);
  });

  it("does not touch a refresh under way: its lease, intent and commit stay as they are (I2, I3)", async () => {
    const { clock, as, old, renewing, row } = await replacing();
    await clock.advance(51 * MINUTE_MS);
    as.hold();
    await old.token(ALICE);
    await clock.settle();
    const { lease, intent, fence } = await row(ALICE);
    expect(intent).toMatchObject({ outcome: "pending" });

    await renewing.manager.resealGrants();

    expect(await row(ALICE)).toMatchObject({ keyId: "k2", version: 1, lease, intent, fence });
    as.release();
    await clock.settle();
    expect(await row(ALICE)).toMatchObject({ version: 2, lease: null, intent: null });
    expect(await renewing.token(ALICE)).toBe("at.alice.2");
  });

  it("lets a refresh win that commits at the same moment: the new tokens stay, under the newest key (I2, I4)", async () => {
    const { clock, as, renewing, server, store, row } = await replacing();
    const refreshing = server({ sealer: bothKeys() });
    await clock.advance(2 * HOUR_MS);
    renewing.store.answer("reseal", async (...args) => {
      if (args[0] === ALICE && (await row(ALICE)).version === 1) await refreshing.token(ALICE);
      return store.reseal(...(args as Parameters<typeof store.reseal>));
    });

    expect(await renewing.manager.resealGrants()).toMatchObject({ scanned: 2, resealed: 1, unopened: 0 });

    expect(await row(ALICE)).toMatchObject({ version: 2, keyId: "k2" });
    expect([await renewing.token(ALICE), as.liveRefreshTokens("alice")]).toEqual([
      "at.alice.2",
      ["rt.alice.2"],
    ]);
  });

  it("tries again where a server of the build before refreshed it meanwhile with the old key (X18)", async () => {
    const { clock, old, renewing, store, row } = await replacing();
    await clock.advance(2 * HOUR_MS);
    renewing.store.answer("reseal", async (...args) => {
      if (args[0] === ALICE && (await row(ALICE)).version === 1) await old.token(ALICE);
      return store.reseal(...(args as Parameters<typeof store.reseal>));
    });

    const report = await renewing.manager.resealGrants();

    expect(report).toMatchObject({ resealed: 2, needed: { k2: { seals: 2 }, k1: { seals: 0 } } });
    expect(await row(ALICE)).toMatchObject({ version: 2, keyId: "k2" });
  });

  it("says that the old key is still needed where it lost each time against such a server (X18, I15)", async () => {
    const { as, renewing, server, store, row } = await replacing();
    const { manager } = server({ minForcedAgeMs: 0 });
    let serial = 1;
    renewing.store.answer("reseal", async (...args) => {
      if (args[0] === ALICE) await manager.renewRejected(ALICE, `at.alice.${serial++}`);
      return store.reseal(...(args as Parameters<typeof store.reseal>));
    });

    const report = await renewing.manager.resealGrants();

    expect((await row(ALICE)).keyId).toBe("k1");
    expect(report).toMatchObject({ scanned: 2, resealed: 1, unopened: 0 });
    expect(report.needed).toEqual({ k2: { seals: 1, names: 0 }, k1: { seals: 1, names: 2 } });
    expect(as.requestsOf("alice")).toBe(3);
  });

  it("leaves alone and counts what no key opens, and says which key it needs (I15, SEC-60)", async () => {
    const { as, renewing, server, row, eventsOf } = await replacing();
    const stranger = server({ sealer: boxSealer("k0", ["k0"]) });
    await stranger.manager.saveGrant(grantInput("k0.carol-grant-of-session-3", "carol", as.signIn("carol")));
    const before = await row("k0.carol-grant-of-session-3");

    expect(await renewing.manager.resealGrants()).toEqual({
      scanned: 3,
      resealed: 2,
      unopened: 1,
      cleared: 0,
      needed: { k0: { seals: 1, names: 1 }, k1: { seals: 0, names: 2 }, k2: { seals: 2, names: 0 } },
    });

    expect(await row("k0.carol-grant-of-session-3")).toEqual(before);
    expect(eventsOf("unseal_failed")).toMatchObject([{ grantRef: "carol-grant-" }]);
    expect(await stranger.token("k0.carol-grant-of-session-3")).toBe("at.carol.1");
  });

  it("leaves a grant alone of which only a candidate does not open: its key is needed too (S5, I15)", async () => {
    const { as, renewing, store, row } = await replacing();
    const lost = as.rotateElsewhere("alice");
    await store.addCandidate(ALICE, sealCandidate(boxSealer("k0"), ALICE, 1, "loser", lost));

    const report = await renewing.manager.resealGrants();

    expect(report).toMatchObject({ resealed: 1, unopened: 1 });
    expect(report.needed).toMatchObject({ k0: { seals: 1 }, k1: { seals: 1 }, k2: { seals: 1 } });
    expect((await row(ALICE)).candidates).toMatchObject([{ attemptId: "loser", keyId: "k0" }]);
  });

  it("seals ended grants too, whose tokens may still have to be revoked, but needs no key for them (I16)", async () => {
    const { clock, as, old, renewing, row } = await replacing();
    as.revokeOutcome = "failed";
    await old.manager.endGrant(ALICE, "signed_out", { revoke: true });
    await old.manager.endGrant(BOB, "signed_out", { revoke: false });
    await clock.advance(MINUTE_MS);
    expect([(await row(ALICE)).sealedTokenSet === "", (await row(BOB)).sealedTokenSet]).toEqual([false, ""]);

    expect(await renewing.manager.resealGrants()).toEqual({
      scanned: 2,
      resealed: 1,
      unopened: 0,
      cleared: 0,
      needed: {},
    });
    expect(await row(ALICE)).toMatchObject({ keyId: "k2", state: "ended", endReason: "signed_out" });
  });

  it("does not count a grant that goes meanwhile (X14, X30)", async () => {
    const { renewing } = await replacing();
    renewing.store.answer("reseal", async () => false);
    renewing.store.answer("read", async () => undefined);

    expect(await renewing.manager.resealGrants()).toEqual({
      scanned: 2,
      resealed: 0,
      unopened: 0,
      cleared: 0,
      needed: {},
    });
  });

  it("that is cut off in the middle harms nothing, and goes on when it is started again (X10, I22)", async () => {
    const world = await replacing();
    const ids = await crowd(world, 120);
    const { clock, renewing, server, row } = world;
    let left = 40;
    const stopping = server({ sealer: bothKeys() });
    stopping.store.answer("reseal", async (...args) => {
      if (left-- <= 0) stopping.store.breakAll("fail");
      return world.store.reseal(...(args as Parameters<typeof world.store.reseal>));
    });

    const failed = outcomeOf(stopping.manager.resealGrants().then(() => "done"));
    await clock.advance(SECOND_MS);
    expect(await failed).toBe("store_failed");
    const done = (await Promise.all(ids.map(row))).filter(({ keyId }) => keyId === "k2").length;
    expect(done).toBeGreaterThan(20);
    expect(done).toBeLessThan(60);
    for (const id of [ids[0]!, ids[119]!, ALICE]) expect(await renewing.token(id)).toMatch(/^at\./);

    const report = await renewing.manager.resealGrants();
    expect([report.scanned, report.unopened]).toEqual([122, 0]);
    expect(report.resealed).toBeGreaterThan(60);
    expect(report.resealed).toBeLessThan(100);
    for (const id of [...ids, ALICE, BOB]) expect((await row(id)).keyId).toBe("k2");
  });

  it("applied although its acknowledgement got lost is found done by the next run (X26)", async () => {
    const { renewing, row } = await replacing();
    renewing.store.break("reseal", "ack_lost", 1);

    expect(await outcomeOf(renewing.manager.resealGrants().then(() => "done"))).toBe("store_failed");
    expect(await renewing.manager.resealGrants()).toMatchObject({ scanned: 2, resealed: 1 });
    expect([(await row(ALICE)).keyId, (await row(BOB)).keyId]).toEqual(["k2", "k2"]);
  });
});

describe("a commit whose acknowledgement got lost, in a grant that was sealed anew meanwhile", () => {
  it("is known by its refresh token: no candidate is kept of what is stored already (X26, I4)", async () => {
    const { clock, as, old, renewing, row, eventsOf } = await replacing();
    await clock.advance(2 * HOUR_MS);
    old.store.break("commit", "ack_lost", 1);
    const call = old.token(ALICE);
    await clock.settle();
    expect((await row(ALICE)).version).toBe(2);
    await renewing.manager.resealGrants();
    await clock.advance(SECOND_MS);

    // This server has the old key only, and cannot tell; but it loses nothing, and the others go on.
    expect(await call).toBe("store_failed");
    expect(await renewing.token(ALICE)).toBe("at.alice.2");
    expect([as.sent, eventsOf("grant_ended")]).toEqual([["rt.alice.1"], []]);

    const both = renewing;
    await clock.advance(2 * HOUR_MS);
    both.store.break("commit", "ack_lost", 1);
    const next = both.token(BOB);
    await clock.settle();
    await both.manager.resealGrants();
    await clock.advance(SECOND_MS);
    expect([await next, (await row(BOB)).candidates]).toEqual(["at.bob.2", []]);
  });
});

describe("a server that lacks the key of a grant", () => {
  it("fails closed for that grant, signs nobody out and harms no other (I6, I15, SEC-60)", async () => {
    const { clock, as, server, row, signIn } = await replacing();
    const poor = server({ sealer: newOnly() });
    await poor.manager.saveGrant(grantInput("k2.carol-grant-of-session-3", "carol", as.signIn("carol")));
    await signIn("dave", "k1.dave-grant-of-session-4");
    for (const minutes of [0, 55, 60]) {
      await clock.advance(minutes * MINUTE_MS);
      expect(await poor.token(ALICE)).toBe("store_failed");
      expect(await poor.token("k2.carol-grant-of-session-3")).toMatch(/^at\.carol/);
    }

    expect([as.requestsOf("alice"), as.requestsOf("dave")]).toEqual([0, 0]);
    expect(await row(ALICE)).toMatchObject({ state: "live", version: 1, keyId: "k1", lease: null });
    const rich = server({ sealer: bothKeys() });
    expect([await rich.token(ALICE), await rich.token("k1.dave-grant-of-session-4")]).toEqual([
      "at.alice.2",
      "at.dave.2",
    ]);
  });

  it("seals nothing anew of it, and says so (I15)", async () => {
    const { server, row } = await replacing();
    const before = await row(ALICE);

    const report = await server({ sealer: newOnly() }).manager.resealGrants();

    expect(report).toEqual({
      scanned: 2,
      resealed: 0,
      unopened: 2,
      cleared: 0,
      needed: { k1: { seals: 2, names: 2 } },
    });
    expect(await row(ALICE)).toEqual(before);
  });
});

describe("rows that this release cannot read", () => {
  it("count as unopened: as long as there are any, no key is called free (X18, X30)", async () => {
    const { server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { manager, store } = server({ sealer: bothKeys() });
    store.answer("scan", () => Promise.resolve({ grants: [], unreadable: 2, next: null }));

    expect(await manager.resealGrants()).toMatchObject({ scanned: 2, unopened: 2, resealed: 0 });
  });
});
