/** What a server's window still saves although nobody needs a new token: it is taken while it is open. */
import { describe, expect, it } from "vitest";

import type { RotationPolicy } from "../../src/core/rotation.ts";
import type { SentRequest } from "../../src/core/single-flight.ts";
import { spentNameOf, usefulnessOf } from "../../src/core/spent-parent.ts";
import type { Fault, RotationClass } from "./support/authorization-server.ts";
import {
  ALICE,
  BOB,
  HOUR_MS,
  MINUTE_MS,
  SECOND_MS,
  scenario,
  type Scenario,
  type Server,
} from "./support/scenario.ts";

const WINDOW_MS = 30_000;
const windowed: readonly [RotationClass, RotationPolicy, string][] = [
  ["idempotent", { class: "idempotent", graceMs: WINDOW_MS }, "at.alice.2"],
  ["grace_forks", { class: "grace", graceMs: WINDOW_MS }, "at.alice.3"],
  ["last_wins", { class: "last_wins", graceMs: WINDOW_MS }, "at.alice.3"],
];

interface Lost extends Scenario {
  readonly other: Server;
}

/** A server dies after the authorization server has rotated for a refresh that an API's 401 asked for: the token is fresh. */
async function lostEarly(rotation: RotationClass, policy: RotationPolicy): Promise<Lost> {
  const world = scenario({ lifetimeMs: HOUR_MS });
  const { as, clock, server } = world;
  as.rotation = rotation;
  as.graceMs = policy.graceMs;
  await world.signInBoth();
  const options = { rotationOf: () => policy };
  const [crashed, other] = [server(options), server(options)];
  await clock.advance(10 * MINUTE_MS);
  as.hold();
  void crashed.manager.renewRejected(ALICE, "at.alice.1");
  await clock.settle();
  crashed.freeze();
  as.release();
  await clock.settle();
  return { ...world, other };
}

describe("a refresh before its time whose answer got lost", () => {
  it.each(windowed)(
    "is made up for by the next reader within the window, who does not wait for it: %s (S1, S2, I21)",
    async (rotation, policy, expected) => {
      const { as, clock, other } = await lostEarly(rotation, policy);
      await clock.advance(5 * SECOND_MS);

      expect(await other.token(ALICE)).toBe("at.alice.1");
      await clock.settle();
      expect(await other.token(ALICE)).toBe(expected);
      expect(as.sent).toEqual(["rt.alice.1", "rt.alice.1"]);
      await clock.advance(2 * HOUR_MS);
      expect(await other.token(ALICE)).toMatch(/^at\.alice\./);
      expect(await other.token(BOB)).toBe("at.bob.2");
    },
  );

  it("is made up for by a session read too, which reports the token in hand at once (S2)", async () => {
    const { as, clock, other } = await lostEarly("grace_forks", { class: "grace", graceMs: WINDOW_MS });
    await clock.advance(5 * SECOND_MS);

    as.hold();
    expect(await other.manager.view(ALICE, { wait: true })).toMatchObject({ status: "fresh" });
    await clock.settle();
    expect(as.sent).toHaveLength(2);
  });

  it.each<[string, (world: Lost) => Promise<unknown>]>([
    ["a prefetch", ({ other }) => other.token(ALICE, { mayRefresh: false })],
    ["the view of a prefetch", ({ other }) => other.manager.view(ALICE, { mayRefresh: false })],
  ])("is left to others by %s", async (_, read) => {
    const world = await lostEarly("grace_forks", { class: "grace", graceMs: WINDOW_MS });
    await world.clock.advance(5 * SECOND_MS);
    await read(world);
    await world.clock.settle();

    expect(world.as.sent).toHaveLength(1);
  });

  it.each<[string, RotationClass, RotationPolicy, number]>([
    ["while its lease stands", "grace_forks", { class: "grace", graceMs: WINDOW_MS }, 2 * SECOND_MS],
    ["when the window is over", "grace_forks", { class: "grace", graceMs: WINDOW_MS }, WINDOW_MS],
    ["at a strict server", "strict_family", { class: "strict", graceMs: 0 }, 5 * SECOND_MS],
    ["where it can wait", "grace_forks", { class: "overlapping", graceMs: HOUR_MS }, 5 * SECOND_MS],
  ])("is not hurried %s: %s, %o (I1, I12, S6)", async (_, rotation, policy, afterMs) => {
    const { as, clock, other } = await lostEarly(rotation, policy);
    await clock.advance(afterMs);
    for (let call = 0; call < 5; call++) expect(await other.token(ALICE)).toBe("at.alice.1");
    await clock.settle();

    expect([as.sent.length, other.store.count("acquireLease")]).toEqual([1, 0]);
  });
});

const LAST_WINS = {
  refreshDeadlineMs: 5 * SECOND_MS,
  rotationOf: (): RotationPolicy => ({ class: "last_wins", graceMs: WINDOW_MS }),
};

interface Overtaken extends Scenario {
  readonly first: Server;
  readonly heir: Server;
}

/**
 * Where the last one wins: one server stands still with the answer in its hands, and its heir has sent after it and
 * stands still too. The pair of the first is dead at the authorization server.
 */
async function overtaken(rotation: RotationClass = "last_wins"): Promise<Overtaken> {
  const world = scenario({ lifetimeMs: HOUR_MS });
  const { as, clock, server } = world;
  as.rotation = rotation;
  as.graceMs = WINDOW_MS;
  await world.signInBoth();
  const options = { rotationOf: (): RotationPolicy => ({ class: "last_wins", graceMs: WINDOW_MS }) };
  const [first, heir] = [server(options), server(options)];
  await clock.advance(51 * MINUTE_MS);
  for (const [one, waitMs] of [
    [first, 0],
    [heir, 5 * SECOND_MS],
  ] as const) {
    await clock.advance(waitMs);
    as.hold();
    void one.token(ALICE);
    await clock.settle();
    one.freeze();
    as.release();
    await clock.settle();
  }
  expect(as.sent).toEqual(["rt.alice.1", "rt.alice.1"]);
  return { ...world, first, heir };
}

describe("a pair that was stored although another holder had sent later (P4, TL3)", () => {
  it("costs nothing although the other died: the refresh token that both spent is tried in the window (I21)", async () => {
    const { as, clock, first, row } = await overtaken();
    expect(as.liveRefreshTokens("alice")).toEqual(["rt.alice.3"]);
    first.thaw();
    await clock.advance(SECOND_MS);
    expect((await row(ALICE)).version).toBe(2);

    // The heir's lease has to end first.
    await first.token(ALICE);
    await clock.advance(5 * SECOND_MS);
    expect(as.sent.slice(2)).toEqual(["rt.alice.2", "rt.alice.1"]);
    expect(await first.token(ALICE)).toBe("at.alice.4");
    await clock.advance(2 * HOUR_MS);
    expect(await first.token(ALICE)).toBe("at.alice.5");
    expect(await first.token(BOB)).toBe("at.bob.2");
  });

  it("is found out by anybody who reads, also if the first server dies too (I21, X8)", async () => {
    const { as, clock, first, server } = await overtaken();
    first.thaw();
    await clock.advance(SECOND_MS);
    first.freeze();
    const third = server({ rotationOf: () => ({ class: "last_wins", graceMs: WINDOW_MS }) });
    await clock.advance(5 * SECOND_MS);
    await third.token(ALICE);
    await clock.advance(SECOND_MS);

    expect([await third.token(ALICE), as.liveRefreshTokens("alice")]).toEqual(["at.alice.4", ["rt.alice.4"]]);
  });

  it("costs nothing either where the store took it after that, and could not say so (I21, X26, X32)", async () => {
    const world = scenario({ lifetimeMs: HOUR_MS });
    const { as, clock, server, row, store } = world;
    as.rotation = "last_wins";
    as.graceMs = WINDOW_MS;
    await world.signInBoth();
    const [first, heir] = [server(LAST_WINS), server(LAST_WINS)];
    await clock.advance(51 * MINUTE_MS);
    // A client without a connection keeps the first write, and sends it when it has one again.
    const connectedAtMs = clock.nowMs() + 7 * SECOND_MS;
    let writes = 0;
    first.store.answer("commit", async (...args) => {
      if (++writes === 1) await clock.sleep(7 * SECOND_MS);
      if (clock.nowMs() < connectedAtMs) throw new Error("no connection");
      return store.commit(...(args as Parameters<typeof store.commit>));
    });
    first.store.answer("read", async (id) => {
      if (writes > 0 && clock.nowMs() < connectedAtMs) throw new Error("no connection");
      return store.read(id as string);
    });
    void first.token(ALICE);
    await clock.advance(5 * SECOND_MS);
    await standsStill(world, heir);
    expect(as.liveRefreshTokens("alice")).toEqual(["rt.alice.3"]);
    expect((await row(ALICE)).version).toBe(1);
    await clock.advance(7 * SECOND_MS);
    expect((await row(ALICE)).version).toBe(2);
    await first.token(ALICE);
    await clock.advance(SECOND_MS);

    expect(as.sent.slice(2)).toEqual(["rt.alice.2", "rt.alice.1"]);
    expect([await first.token(ALICE), as.liveRefreshTokens("alice")]).toEqual(["at.alice.4", ["rt.alice.4"]]);
  });

  it("gives way to the other's pair if that was kept: the spent one would kill it (S5, I4)", async () => {
    const { as, clock, first, heir } = await overtaken();
    first.thaw();
    await clock.advance(SECOND_MS);
    heir.thaw();
    await clock.advance(SECOND_MS);
    await first.token(ALICE);
    await clock.advance(5 * SECOND_MS);

    expect(as.sent.slice(2)).toEqual(["rt.alice.2", "rt.alice.3"]);
    expect(await heir.token(ALICE)).toBe("at.alice.4");
  });

  it("is asked about once, and then left alone (I10)", async () => {
    const { as, clock, first } = await overtaken();
    first.thaw();
    await clock.advance(SECOND_MS);
    for (let second = 0; second < 40; second++) {
      await first.token(ALICE);
      await clock.advance(SECOND_MS);
    }

    expect(as.sent).toHaveLength(4);
  });

  it("is not found out with the spent one when its window was over before it was stored (S1, I12)", async () => {
    const { as, clock, first, row, eventsOf } = await overtaken();
    await clock.advance(WINDOW_MS);
    first.thaw();
    await clock.advance(SECOND_MS);
    expect(await row(ALICE)).toMatchObject({ version: 2, candidates: [] });
    for (let second = 0; second < 10; second++) {
      expect(await first.token(ALICE)).toBe("at.alice.2");
      await clock.advance(SECOND_MS);
    }

    expect([as.sent.length, eventsOf("grant_ended")]).toEqual([2, []]);
  });

  it("is lost if nobody came before the window was over, and the spent one is not presented again (S1, I12)", async () => {
    const { as, clock, first, eventsOf } = await overtaken();
    first.thaw();
    await clock.advance(SECOND_MS);
    await clock.advance(WINDOW_MS);
    await first.token(ALICE);
    await clock.advance(5 * SECOND_MS);
    expect(as.sent).toHaveLength(2);
    await clock.advance(HOUR_MS);
    await first.token(ALICE);
    await clock.advance(SECOND_MS);

    expect(as.sent.slice(2)).toEqual(["rt.alice.2"]);
    expect(eventsOf("grant_ended")).toHaveLength(1);
  });
});

/** A server stands still with the answer to its next request, or to the one after so many others, in its hands. */
async function standsStill({ as, clock }: Scenario, one: Server, answersBefore = 0): Promise<void> {
  as.hold();
  void one.token(ALICE);
  await clock.settle();
  for (let left = answersBefore; left > 0; left--) {
    as.release();
    as.hold();
    await clock.settle();
  }
  one.freeze();
  as.release();
  await clock.settle();
}

describe("a refresh token that both pairs had come from (P4, I21)", () => {
  it("is kept before the pair is stored: whoever stored it may die right after that (X8)", async () => {
    const { as, clock, first, row, server } = await overtaken();
    first.store.break("commit", "ack_lost");
    first.thaw();
    await clock.advance(SECOND_MS);
    first.freeze();
    expect((await row(ALICE)).version).toBe(2);
    const third = server(LAST_WINS);
    await clock.advance(5 * SECOND_MS);
    await third.token(ALICE);
    await clock.advance(SECOND_MS);

    expect(as.sent.slice(2)).toEqual(["rt.alice.2", "rt.alice.1"]);
    expect(as.liveRefreshTokens("alice")).toEqual(["rt.alice.4"]);
  });

  it("is looked for again before the grant is ended, as its keeper may have no store for a moment (I6, X24)", async () => {
    const world = await overtaken();
    const { as, clock, first, heir, server, eventsOf } = world;
    const fourth = server(LAST_WINS);
    await clock.advance(5 * SECOND_MS);
    await standsStill(world, fourth);
    expect(as.liveRefreshTokens("alice")).toEqual(["rt.alice.4"]);
    first.store.break("addCandidate", "fail");
    first.thaw();
    await clock.advance(SECOND_MS);
    heir.thaw();
    await clock.advance(3 * SECOND_MS);

    const fifth = server({ ...LAST_WINS, minForcedAgeMs: SECOND_MS });
    as.hold();
    void fifth.manager.renewRejected(ALICE, "at.alice.2");
    await clock.settle();
    as.release();
    as.hold();
    await clock.settle();
    expect(as.sent.slice(3)).toEqual(["rt.alice.2", "rt.alice.3"]);
    first.store.mend();
    await clock.advance(2 * SECOND_MS);
    as.release();
    await clock.advance(SECOND_MS);

    expect(eventsOf("grant_ended")).toEqual([]);
    expect([as.sent.slice(5), as.liveRefreshTokens("alice")]).toEqual([["rt.alice.1"], ["rt.alice.5"]]);
  });

  it("is the kept one where two had tried that, and not the stored one that was refused (S5)", async () => {
    const world = await overtaken();
    const { as, clock, first, server, row, eventsOf } = world;
    first.thaw();
    await clock.advance(SECOND_MS);
    first.freeze();
    const [third, fourth] = [server(LAST_WINS), server(LAST_WINS)];
    await clock.advance(5 * SECOND_MS);
    await standsStill(world, third, 1);
    await clock.advance(7 * SECOND_MS);
    await standsStill(world, fourth, 1);
    expect(as.sent.slice(2)).toEqual(["rt.alice.2", "rt.alice.1", "rt.alice.2", "rt.alice.1"]);
    expect(as.liveRefreshTokens("alice")).toEqual(["rt.alice.5"]);
    third.thaw();
    await clock.advance(SECOND_MS);
    expect((await row(ALICE)).version).toBe(3);
    await clock.advance(4 * SECOND_MS);
    await third.token(ALICE);
    await clock.advance(SECOND_MS);

    expect(as.sent.slice(6)).toEqual(["rt.alice.4", "rt.alice.1"]);
    expect([eventsOf("grant_ended"), as.liveRefreshTokens("alice")]).toEqual([[], ["rt.alice.6"]]);
  });
});

describe("a pair that was stored while the request of an earlier holder was still out (P4, X39)", () => {
  /** The request of a server that crashed comes to the authorization server after its heir has stored its own pair. */
  async function overtakenLater(arrivesAfterMs: number): Promise<Overtaken> {
    const world = scenario({ lifetimeMs: HOUR_MS });
    const { as, clock, server } = world;
    as.rotation = "last_wins";
    as.graceMs = WINDOW_MS;
    await world.signInBoth();
    const options = { rotationOf: (): RotationPolicy => ({ class: "last_wins", graceMs: WINDOW_MS }) };
    const [first, heir] = [server(options), server(options)];
    await clock.advance(51 * MINUTE_MS);
    as.failNext({ hang: "deaf", afterMs: arrivesAfterMs });
    void first.token(ALICE);
    await clock.settle();
    first.freeze();
    await clock.advance(5 * SECOND_MS);
    await heir.token(ALICE);
    await clock.advance(SECOND_MS);
    expect((await world.row(ALICE)).version).toBe(2);
    return { ...world, first, heir };
  }

  it("is tried once that request can't come any more, while the window still helps (I21)", async () => {
    const { as, clock, heir, eventsOf } = await overtakenLater(10 * SECOND_MS);
    for (let second = 0; second < 30; second++) {
      expect(await heir.token(ALICE)).toMatch(/^at.alice/);
      await clock.advance(SECOND_MS);
    }

    expect(as.sent).toEqual(["rt.alice.1", "rt.alice.1", "rt.alice.2", "rt.alice.1"]);
    expect([as.liveRefreshTokens("alice").length, eventsOf("grant_ended")]).toEqual([1, []]);
    await clock.advance(2 * HOUR_MS);
    expect(await heir.token(ALICE)).toMatch(/^at.alice/);
  });

  it("costs one refresh more, and no session, where that request never comes (I10)", async () => {
    const { as, clock, heir } = await overtakenLater(HOUR_MS);
    for (let second = 0; second < 30; second++) {
      await heir.token(ALICE);
      await clock.advance(SECOND_MS);
    }

    expect(as.sent).toHaveLength(3);
    expect(await heir.token(ALICE)).toMatch(/^at.alice/);
  });
});

describe("the name of a spent refresh token", () => {
  it("says when it helps in whole milliseconds, also where the window has a fraction of one (P4)", () => {
    const sent = { attemptId: "a", request: 2 } as SentRequest;
    const name = spentNameOf(sent, { fromMs: 1_000.25, untilMs: 1_937.5 });

    expect(usefulnessOf({ attemptId: name })).toEqual({ fromMs: 1_001, untilMs: 1_937 });
    expect(usefulnessOf({ attemptId: "a.2" })).toBeUndefined();
  });
});

describe("a refresh that brought the same refresh token again", () => {
  it("has spent nothing, and keeps nothing, whoever else may have sent it (P0)", async () => {
    const { as, clock, first, heir, row } = await overtaken("static");
    heir.thaw();
    await clock.advance(SECOND_MS);
    first.thaw();
    await clock.advance(SECOND_MS);

    expect([as.sent.length, (await row(ALICE)).candidates]).toEqual([2, []]);
  });
});

describe("a pair that was stored by whoever held the lease to the end", () => {
  it("is in no doubt, and keeps nothing beside it (P4)", async () => {
    const { as, clock, server, signInBoth, row } = scenario({ lifetimeMs: HOUR_MS });
    as.rotation = "last_wins";
    await signInBoth();
    const one = server({ rotationOf: () => ({ class: "last_wins", graceMs: WINDOW_MS }) });
    await clock.advance(51 * MINUTE_MS);
    await one.token(ALICE);
    await clock.settle();

    expect(await row(ALICE)).toMatchObject({ version: 2, candidates: [] });
  });

  const answered: Fault = { answer: { kind: "unknown", code: "http_503", answered: true } };
  const broken: Fault = { answer: { kind: "committed_bad", code: "invalid_json" } };
  const silent: Fault = { answer: { kind: "unknown", code: "reset", answered: false } };

  it.each([
    [
      "no doubt where the server has answered each request before: none can come any more",
      [answered, broken],
      0,
    ],
    ["doubt where one of them was never answered, whatever the next one was", [silent, answered], 1],
  ] as const)("is in %s (P4, I10)", async (_, faults, kept) => {
    const { as, clock, server, signInBoth, row } = scenario({ lifetimeMs: HOUR_MS });
    as.rotation = "last_wins";
    await signInBoth();
    const one = server({ rotationOf: () => ({ class: "last_wins", graceMs: WINDOW_MS }) });
    await clock.advance(51 * MINUTE_MS);
    as.failNext(...faults);
    await one.token(ALICE);
    await clock.advance(5 * SECOND_MS);
    const stored = await row(ALICE);
    for (let second = 0; second < 30; second++) {
      await one.token(ALICE);
      await clock.advance(SECOND_MS);
    }

    expect([stored.version, stored.candidates.length]).toEqual([2, kept]);
    expect(as.sent).toHaveLength(3 + kept);
  });
});
