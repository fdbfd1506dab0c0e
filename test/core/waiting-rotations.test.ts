/** Several answers of one grant that the store has not taken yet, or that lost to somebody else's (I4, S4, S5). */
import { describe, expect, it } from "vitest";

import type { RotationPolicy } from "../../src/core/rotation.ts";
import { createTokenManager } from "../../src/core/token-manager.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import {
  ALICE,
  BOB,
  HOUR_MS,
  MINUTE_MS,
  SECOND_MS,
  boxSealer,
  scenario,
  type Scenario,
} from "./support/scenario.ts";

const policy: RotationPolicy = { class: "grace", graceMs: 2 * MINUTE_MS };
const options = { rotationOf: () => policy, refreshDeadlineMs: 5_000 };

/** A first request that answers after 25 s, and a second one that answers at once. */
async function slowAndQuick(): Promise<Scenario> {
  const world = scenario({ lifetimeMs: HOUR_MS });
  world.as.rotation = "grace_forks";
  world.as.graceMs = HOUR_MS;
  await world.signInBoth();
  await world.clock.advance(55 * MINUTE_MS);
  world.as.failNext({ hang: "deaf", afterMs: 25 * SECOND_MS, commits: true });
  return world;
}

/** The refresh tokens that are stored, the current one first. */
async function storedTokens({ row }: Scenario): Promise<string[]> {
  const { id: grantId, version, sealedTokenSet, candidates } = await row(ALICE);
  const open = (sealed: string, field: "token-set" | "candidate", of: number): string =>
    (JSON.parse(boxSealer().open(sealed, { grantId, field, version: of })) as { refreshToken: string })
      .refreshToken;
  return [
    open(sealedTokenSet, "token-set", version),
    ...candidates.map((one) => open(one.sealedTokenSet, "candidate", one.version)),
  ];
}

describe("two rotations of one grant that wait for the store", () => {
  it("are both stored when it is back, in the order in which they came (I4, S4)", async () => {
    const world = await slowAndQuick();
    const { clock, server, eventsOf } = world;
    const { token, store, shared } = server(options);
    store.break("commit", "fail");
    await token(ALICE);
    await clock.advance(50 * SECOND_MS);
    expect(eventsOf("tokens_pending")).toHaveLength(2);
    expect(eventsOf("late_answer")).toHaveLength(1);
    expect(await token(ALICE)).toBe("at.alice.3");

    store.mend();
    await clock.advance(20 * SECOND_MS);

    expect(await storedTokens(world)).toEqual(["rt.alice.3", "rt.alice.2"]);
    expect([await token(ALICE), shared.pendingRotations.size]).toEqual(["at.alice.3", 0]);
  });

  it("keep that order if the store is back just before the second one comes: what was handed out is what is stored (I5)", async () => {
    const world = await slowAndQuick();
    const { clock, server, eventsOf } = world;
    const { token, store } = server(options);
    store.break("commit", "fail");
    await token(ALICE);
    await clock.advance(25 * SECOND_MS - 10);
    expect([eventsOf("tokens_pending").length, await token(ALICE)]).toEqual([1, "at.alice.3"]);

    store.mend();
    await clock.advance(20);
    await clock.settle();

    expect(eventsOf("late_answer")).toHaveLength(1);
    expect(await storedTokens(world)).toEqual(["rt.alice.3", "rt.alice.2"]);
  });

  it("and lose to another process's are both kept (I4, S5)", async () => {
    const world = await slowAndQuick();
    const { clock, server } = world;
    const [cutOff, other] = [server(options), server(options)];
    cutOff.store.break("commit", "fail");
    await cutOff.token(ALICE);
    await clock.advance(20 * SECOND_MS);
    await other.token(ALICE);
    await clock.advance(30 * SECOND_MS);
    expect(await other.token(ALICE)).toBe("at.alice.4");

    cutOff.store.mend();
    await clock.advance(20 * SECOND_MS);

    expect(await storedTokens(world)).toEqual(["rt.alice.4", "rt.alice.3", "rt.alice.2"]);
  });

  it("are both stored at the end of the process (I4, X17)", async () => {
    const world = await slowAndQuick();
    const { clock, server } = world;
    const { token, store, manager } = server(options);
    store.break("commit", "fail");
    await token(ALICE);
    await clock.advance(50 * SECOND_MS);

    store.mend();
    await manager.close();

    expect(await storedTokens(world)).toEqual(["rt.alice.3", "rt.alice.2"]);
  });
});

describe("two candidates of one attempt that the store has not taken", () => {
  it("are both offered again (I4, S5)", async () => {
    const world = await slowAndQuick();
    const { clock, server, row, store } = world;
    const [slow, other] = [server(options), server(options)];
    world.as.latencyMs = SECOND_MS;
    slow.store.break("addCandidate", "fail");
    await slow.token(ALICE);
    await clock.advance(5_800);
    // The lease goes, as in a failover, and somebody else is quicker than the second request.
    await store.releaseLease(ALICE, (await row(ALICE)).lease!, { intent: null });
    world.as.latencyMs = 0;
    await other.token(ALICE);
    await clock.advance(30 * SECOND_MS);
    expect((await row(ALICE)).version).toBe(2);
    expect(slow.shared.pendingCandidates.size).toBe(2);

    slow.store.mend();
    await clock.advance(20 * SECOND_MS);

    expect((await row(ALICE)).candidates).toHaveLength(2);
  });
});

describe("rotations that wait in a process with several stores", () => {
  it("each go to the store of their own, also when the engine of another comes to rest (I4)", async () => {
    const world = scenario({ lifetimeMs: HOUR_MS });
    const { clock, as, server, signInBoth, row } = world;
    await signInBoth();
    const own = server();
    const others = memoryStore({ clock });
    const other = createTokenManager({
      ...{ store: others, sealer: boxSealer(), refresher: as, random: () => 0, holder: "other" },
      ...{ newId: () => "others", clock, shared: own.shared },
    });
    await clock.advance(55 * MINUTE_MS);
    own.store.break("commit", "fail");
    await own.token(ALICE);
    await clock.advance(15 * SECOND_MS);
    expect(own.shared.pendingRotations.size).toBe(1);
    own.store.mend();
    await other.close();

    expect([as.revoked, (await row(ALICE)).version]).toEqual([[], 2]);
  });

  it("are stored by the next engine of that store where their own was closed before the store was back (I4, I5)", async () => {
    const world = scenario({ lifetimeMs: HOUR_MS });
    const { clock, as, server, signInBoth, row } = world;
    await signInBoth();
    const closed = server();
    await clock.advance(55 * MINUTE_MS);
    closed.store.break("commit", "fail");
    await closed.token(ALICE);
    await clock.advance(15 * SECOND_MS);
    const closing = closed.manager.close(SECOND_MS);
    await clock.advance(5 * SECOND_MS);
    await closing;
    const others = memoryStore({ clock });
    const stranger = createTokenManager({
      ...{ store: others, sealer: boxSealer(), refresher: as, random: () => 0, holder: "other" },
      ...{ newId: () => "others", clock, shared: closed.shared },
    });
    const strangers = stranger.close(SECOND_MS);
    await clock.advance(5 * SECOND_MS);
    await strangers;
    expect([closed.shared.pendingRotations.size, as.revoked, (await row(ALICE)).version]).toEqual([1, [], 1]);

    const next = server({ shared: closed.shared });

    expect([await next.token(ALICE), await next.token(BOB)]).toEqual(["at.alice.2", "at.bob.1"]);
    expect([closed.shared.pendingRotations.size, (await row(ALICE)).version]).toEqual([0, 2]);
    expect([as.sent.filter((token) => token === "rt.alice.1").length, as.replayed]).toEqual([1, []]);
  });
});
