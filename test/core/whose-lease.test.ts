/** What an attempt may still do when its lease went, was handed over, or was never acknowledged (I1, I6, X13, X26). */
import { describe, expect, it } from "vitest";

import type { GrantRecord } from "../../src/core/grant.ts";
import type { RotationPolicy } from "../../src/core/rotation.ts";
import type { Fault } from "./support/authorization-server.ts";
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

const refused: Fault = { answer: { kind: "rejected", code: "invalid_grant" } };
const policy: RotationPolicy = { class: "grace", graceMs: 2 * MINUTE_MS };

/** Takes the lease and the intent of the newest attempt back, as a failover to a replica that lags does (X13). */
async function failOver({ store }: Scenario, before: GrantRecord): Promise<void> {
  const { lease } = (await store.read(ALICE))!.grant;
  await store.releaseLease(ALICE, lease!, { intent: before.intent });
}

/** One server whose request is held at the authorization server, and who is refused when it is let go. */
async function refusedLater(world: Scenario): Promise<Server> {
  const { clock, as, server, row } = world;
  const first = server();
  await clock.advance(2 * HOUR_MS);
  const before = await row(ALICE);
  as.hold();
  as.failNext(refused);
  void first.token(ALICE);
  await clock.settle();
  await failOver(world, before);
  return first;
}

describe("a refused refresh token whose lease was lost in a failover", () => {
  it("is no end while the request of the next holder is out: it may be the winner (I6, X13)", async () => {
    const world = scenario({ lifetimeMs: HOUR_MS });
    const { clock, as, server, signInBoth, row, eventsOf } = world;
    await signInBoth();
    const first = await refusedLater(world);
    const second = server();
    as.release();
    first.freeze();
    as.hold();
    const call = second.token(ALICE);
    await clock.settle();
    first.thaw();
    await clock.advance(SECOND_MS);

    expect([(await row(ALICE)).state, eventsOf("grant_ended")]).toEqual(["live", []]);
    as.release();
    await clock.settle();
    expect(await call).toBe("at.alice.2");
    await clock.advance(MINUTE_MS);
    expect(await row(ALICE)).toMatchObject({ state: "live", version: 2 });
    expect([await first.token(ALICE), as.revoked]).toEqual(["at.alice.2", []]);
  });

  it("is no end until the next holder's request cannot win any more, even if its lease has ended (I6, I12)", async () => {
    const world = scenario({ lifetimeMs: HOUR_MS });
    const { clock, as, server, signInBoth, row, eventsOf } = world;
    await signInBoth();
    const first = await refusedLater(world);
    const second = server();
    as.release();
    first.freeze();
    as.failNext({ hang: "deaf" });
    void second.token(ALICE);
    await clock.settle();
    const { intent } = await row(ALICE);
    second.freeze();
    await clock.advance(10 * SECOND_MS);
    first.thaw();
    await clock.settle();

    expect(eventsOf("grant_ended")).toEqual([]);
    expect(await row(ALICE)).toMatchObject({ lease: null, intent, backoff: { code: "unresolved_refresh" } });
    expect((await row(ALICE)).backoff?.untilMs).toBe(intent!.deadlineAtMs + SECOND_MS);
  });

  it("is the end where nobody else has sent anything (I6)", async () => {
    const world = scenario({ lifetimeMs: HOUR_MS });
    const { clock, as, signInBoth, row } = world;
    await signInBoth();
    const first = await refusedLater(world);
    as.release();
    await clock.settle();

    expect(await row(ALICE)).toMatchObject({ state: "ended", endReason: "rejected" });
    expect(await first.token(BOB)).toBe("at.bob.2");
  });
});

describe("a refused refresh token of a process that is closing", () => {
  it("is no end after the lease was handed over (I6, X17)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const leaving = server();
    await clock.advance(55 * MINUTE_MS);
    as.hold();
    as.failNext(refused);
    await leaving.token(ALICE);
    const closed = leaving.manager.close(100);
    await clock.advance(100);
    await closed;
    as.release();
    await clock.settle();

    expect(await row(ALICE)).toMatchObject({ state: "live", lease: null, intent: { outcome: "unknown" } });
  });
});

describe("a refused refresh token while an earlier request of this process may still be answered", () => {
  it("is no end: the late answer is stored, and nobody is signed out (I6, I4)", async () => {
    const { clock, as, server, signInBoth, row, eventsOf } = scenario({ lifetimeMs: MINUTE_MS });
    as.rotation = "strict_error";
    await signInBoth();
    const { token } = server();
    await clock.advance(50 * SECOND_MS);
    as.failNext({ hang: "deaf", afterMs: 40 * SECOND_MS, commits: true });
    for (let second = 0; second < 45; second++) {
      void token(ALICE);
      await clock.advance(SECOND_MS);
    }

    expect(as.sent.slice(0, 2)).toEqual(["rt.alice.1", "rt.alice.1"]);
    expect([eventsOf("grant_ended"), eventsOf("late_answer").length]).toEqual([[], 1]);
    expect((await row(ALICE)).version).toBeGreaterThan(1);
    expect(await token(ALICE)).toBe("at.alice.3");
    expect(as.replayed).toEqual(["rt.alice.1"]);
  });

  it("is the end when that one is given up (I6, I20)", async () => {
    const { clock, as, server, signInBoth, eventsOf } = scenario({ lifetimeMs: MINUTE_MS });
    as.rotation = "strict_error";
    await signInBoth();
    const { token } = server();
    await clock.advance(50 * SECOND_MS);
    as.failNext({ hang: "until_abort", commits: true });
    for (let second = 0; second < 120; second++) {
      void token(ALICE);
      await clock.advance(SECOND_MS);
    }

    expect(eventsOf("grant_ended")).toMatchObject([{ reason: "lost_response" }]);
    expect(as.sent).toHaveLength(3);
  });
});

describe("a lease whose acknowledgement got lost", () => {
  it("is asked for again, and holds nobody up (X26, I20)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { token, store } = server();
    await clock.advance(2 * HOUR_MS);
    store.break("acquireLease", "ack_lost", 1);
    const call = token(ALICE);
    await clock.advance(SECOND_MS);

    expect([await call, (await row(ALICE)).version, as.sent.length]).toEqual(["at.alice.2", 2, 1]);
  });

  it("does not make the attempt forget the one that it replaced (X26, I12, S6)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const [crashed, next] = [server(), server()];
    await clock.advance(2 * HOUR_MS);
    as.failNext({ hang: "deaf" });
    void crashed.token(ALICE);
    await clock.settle();
    crashed.freeze();
    await clock.advance(10 * SECOND_MS);
    next.store.break("acquireLease", "ack_lost", 1);
    void next.token(ALICE);
    await clock.advance(10 * SECOND_MS);
    expect(as.sent).toHaveLength(1);

    await clock.advance(42 * SECOND_MS);
    const call = next.token(ALICE);
    await clock.advance(5 * SECOND_MS);
    expect([await call, as.sent.length]).toEqual(["at.alice.2", 2]);
  });

  it("nor, if that one began after the row was read (X26, I12)", async () => {
    const { clock, as, server, signInBoth, store } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const next = server();
    await clock.advance(2 * HOUR_MS);
    next.store.answer("acquireLease", async (...args) => {
      const run = store.acquireLease as (...all: readonly unknown[]) => Promise<unknown>;
      if (next.store.count("acquireLease") > 1) return run(...args);
      const other = { holder: "other", attemptId: "o", durationMs: 10, deadlineMs: MINUTE_MS };
      await store.acquireLease(ALICE, other);
      await clock.sleep(2 * SECOND_MS);
      await run(...args);
      throw new Error("the acknowledgement got lost");
    });
    void next.token(ALICE);
    await clock.advance(10 * SECOND_MS);

    expect([next.store.count("acquireLease"), as.sent]).toEqual([2, []]);
  });
});

describe("a release that fails", () => {
  it.each(["fail", "ack_lost"] as const)("(%s) is tried again, and holds nobody up", async (fault) => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { token, store } = server();
    await clock.advance(55 * MINUTE_MS);
    as.failNext({ answer: { kind: "not_sent", code: "ECONNREFUSED" } });
    store.break("releaseLease", fault, 1);
    await token(ALICE);
    await clock.advance(SECOND_MS);

    expect(await row(ALICE)).toMatchObject({ lease: null, intent: null, backoff: { code: "ECONNREFUSED" } });
    expect(await token(ALICE)).toBe("at.alice.1");
    await clock.settle();
    expect((await row(ALICE)).version).toBe(2);
  });
});

describe("a candidate whose acknowledgement got lost", () => {
  it("is kept once (X26, I4)", async () => {
    const world = scenario({ lifetimeMs: HOUR_MS });
    const { clock, as, server, signInBoth, row, store } = world;
    as.rotation = "grace_forks";
    as.graceMs = HOUR_MS;
    as.latencyMs = SECOND_MS;
    await signInBoth();
    await clock.advance(55 * MINUTE_MS);
    const slow = server();
    slow.store.break("addCandidate", "ack_lost", 2);
    await slow.token(ALICE);
    await clock.settle();
    await store.releaseLease(ALICE, (await row(ALICE)).lease!, { intent: null });
    as.latencyMs = 0;
    await server().token(ALICE);
    await clock.advance(5 * SECOND_MS);

    expect([(await row(ALICE)).candidates.length, slow.shared.pendingCandidates.size]).toEqual([1, 0]);
  });
});

describe("a further request of one attempt", () => {
  it("says in the row until when its answer may come, and since when the window is open (I12, I1)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: HOUR_MS });
    as.rotation = "grace_forks";
    as.graceMs = HOUR_MS;
    await signInBoth();
    const { token } = server({ rotationOf: () => policy, refreshDeadlineMs: 10_000 });
    await clock.advance(55 * MINUTE_MS);
    as.failNext({ hang: "deaf" }, { hang: "deaf" });
    await token(ALICE);
    await clock.advance(12 * SECOND_MS);

    expect(as.sent).toHaveLength(2);
    const { intent, lease } = await row(ALICE);
    expect(intent).toMatchObject({
      startedAtMs: as.sentAtMs[0],
      deadlineAtMs: as.sentAtMs[1]! + 10_000,
      outcome: "pending",
      fence: lease!.fence,
    });
  });

  it("is not sent by a process that has closed (X17, I1)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    as.rotation = "grace_forks";
    as.graceMs = HOUR_MS;
    await signInBoth();
    const leaving = server({ rotationOf: () => policy });
    await clock.advance(55 * MINUTE_MS);
    as.failNext({ answer: { kind: "unknown", code: "reset", answered: false } });
    leaving.store.break("releaseLease", "hang");
    await leaving.token(ALICE);
    const closed = leaving.manager.close(100);
    await clock.advance(30 * SECOND_MS);

    expect([await isSettled(clock, closed), as.sent]).toEqual([true, ["rt.alice.1"]]);
  });
});

describe("a further request of one attempt that has paused", () => {
  /** Alice's first request was answered with a 503 that asks for a pause of 20 s, which a server with a window allows. */
  async function paused(): Promise<Scenario & { readonly first: Server; readonly before: GrantRecord }> {
    const world = scenario({ lifetimeMs: HOUR_MS });
    world.as.rotation = "grace_forks";
    world.as.graceMs = HOUR_MS;
    await world.signInBoth();
    const first = world.server({ rotationOf: () => policy });
    await world.clock.advance(55 * MINUTE_MS);
    const before = await world.row(ALICE);
    const later = {
      kind: "unknown",
      code: "http_503",
      answered: true,
      retryAfterMs: 20 * SECOND_MS,
    } as const;
    world.as.failNext({ answer: later });
    await first.token(ALICE);
    await world.clock.settle();
    return { ...world, first, before };
  }

  it("is not sent while that of somebody who took over after a failover may still win (I1, I12, X13)", async () => {
    const world = await paused();
    const { clock, as, server, row } = world;
    const second = server({ rotationOf: () => policy });
    await failOver(world, world.before);
    as.failNext({ hang: "deaf" });
    await second.token(ALICE);
    await clock.settle();
    const { intent } = await row(ALICE);
    second.freeze();
    await clock.advance(30 * SECOND_MS);

    expect(as.sent).toHaveLength(2);
    expect(await row(ALICE)).toMatchObject({ lease: null, intent, backoff: { code: "unresolved_refresh" } });
  });

  it("touches no store that the process has closed (X17)", async () => {
    const { clock, as, first, eventsOf } = await paused();
    const closed = first.manager.close(100);
    await clock.advance(30 * SECOND_MS);
    await closed;

    expect([as.sent.length, first.store.calls.at(-1), eventsOf("handed_over").length]).toEqual([
      1,
      "close",
      1,
    ]);
  });

  it("is not told to be handed over by a process whose lease somebody else has (X13, X17)", async () => {
    const world = await paused();
    const { clock, first, store, row, eventsOf } = world;
    await failOver(world, world.before);
    const other = { holder: "other", attemptId: "o", durationMs: MINUTE_MS, deadlineMs: MINUTE_MS };
    await store.acquireLease(ALICE, other);
    const closed = first.manager.close(100);
    await clock.advance(SECOND_MS);
    await closed;

    expect([eventsOf("handed_over"), (await row(ALICE)).lease?.holder]).toEqual([[], "other"]);
  });
});

describe("a process that has closed", () => {
  it("sends nothing any more, and serves what it has (X17)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { token, manager } = server();
    await manager.close();
    await clock.advance(55 * MINUTE_MS);
    expect(await token(ALICE)).toBe("at.alice.1");
    await clock.advance(HOUR_MS);
    const late = token(ALICE);
    await clock.advance(6 * SECOND_MS);

    expect([await late, as.sent]).toEqual(["refresh_unavailable:closing", []]);
    expect(await row(ALICE)).toMatchObject({ fence: 0, lease: null, intent: null });
  });

  it("gives a lease back that comes only then (X17)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { token, manager, store } = server();
    await clock.advance(55 * MINUTE_MS);
    store.break("acquireLease", 500, 1);
    await token(ALICE);
    const closed = manager.close(100);
    await clock.advance(SECOND_MS);
    await closed;

    expect([await row(ALICE), as.sent]).toMatchObject([{ fence: 1, lease: null, intent: null }, []]);
  });
});
