import { describe, expect, it } from "vitest";

import { MAX_RESENDS } from "../../src/core/resend.ts";
import type { RotationPolicy } from "../../src/core/rotation.ts";
import { createTokenManager } from "../../src/core/token-manager.ts";
import type { Fault, RotationClass } from "./support/authorization-server.ts";
import {
  ALICE,
  BOB,
  HOUR_MS,
  MINUTE_MS,
  SECOND_MS,
  boxSealer,
  isSettled,
  scenario,
  type Scenario,
  type Server,
} from "./support/scenario.ts";

const WINDOW_MS = 30_000;
const GRACE: RotationPolicy = { class: "grace", graceMs: WINDOW_MS };
const LAST_WINS: RotationPolicy = { class: "last_wins", graceMs: WINDOW_MS };
/** The server has rotated, and the connection broke before the answer. */
const lostAfterCommit: Fault = {
  answer: { kind: "unknown", code: "reset", answered: false },
  commits: true,
};
const refused: Fault = { answer: { kind: "rejected", code: "invalid_grant" } };

interface Prepared extends Scenario {
  readonly one: Server;
  readonly two: Server;
}

/** Two servers, at the moment in which everybody's token is due; or, `expired`, worth nothing any more. */
async function due(
  rotation: RotationClass,
  policy: RotationPolicy | undefined,
  { expired = false, graceMs = WINDOW_MS } = {},
): Promise<Prepared> {
  const world = scenario({ lifetimeMs: HOUR_MS });
  world.as.rotation = rotation;
  world.as.graceMs = graceMs;
  await world.signInBoth();
  const options = policy === undefined ? {} : { rotationOf: () => policy };
  const [one, two] = [world.server(options), world.server(options)];
  await world.clock.advance(expired ? 2 * HOUR_MS : 51 * MINUTE_MS);
  return { ...world, one, two };
}

/** When Alice's requests were sent, in milliseconds after the first. */
function timesOf({ as }: Scenario): readonly number[] {
  const times = as.sentAtMs.filter((_, index) => as.sent[index]!.includes("alice"));
  return times.map((atMs) => atMs - times[0]!);
}

describe("an answer that got lost where the server gives the refresh token a second chance", () => {
  it.each<[RotationClass, RotationPolicy, string]>([
    ["idempotent", { class: "idempotent", graceMs: WINDOW_MS }, "at.alice.2"],
    ["grace_forks", GRACE, "at.alice.3"],
    ["last_wins", LAST_WINS, "at.alice.3"],
  ])(
    "is asked for again by the same holder within the window: nobody notices (S1, TL1: %s)",
    async (...row) => {
      const [rotation, policy, expected] = row;
      const world = await due(rotation, policy, { expired: true });
      const { clock, as, one, two, eventsOf } = world;
      as.failNext(lostAfterCommit);

      const calls = Promise.all([one.token(ALICE), two.token(ALICE), two.token(BOB)]);
      await clock.advance(2 * SECOND_MS);

      expect(await calls).toEqual([expected, expected, "at.bob.2"]);
      expect(as.sent.filter((token) => token.includes("alice"))).toEqual(["rt.alice.1", "rt.alice.1"]);
      expect(await world.row(ALICE)).toMatchObject({ version: 2, intent: null, lease: null, backoff: null });
      expect([eventsOf("grant_ended").length, eventsOf("lease_taken_over").length]).toEqual([0, 0]);
      // What is stored is what the server takes next.
      await clock.advance(2 * HOUR_MS);
      expect(await two.token(ALICE)).toMatch(/^at\.alice\./);
      expect(as.requestsOf("alice")).toBe(3);
    },
  );

  it("is asked for again after a 503 or a broken answer too: both may have rotated (S1, X34, X38)", async () => {
    for (const answer of [
      { kind: "unknown", code: "http_503", answered: true },
      { kind: "committed_bad", code: "invalid_json" },
    ] as const) {
      const { clock, as, one } = await due("grace_forks", GRACE, { expired: true });
      as.failNext({ answer, commits: true });
      const call = one.token(ALICE);
      await clock.advance(2 * SECOND_MS);

      expect([answer.code, await call, as.sent.length]).toEqual([answer.code, "at.alice.3", 2]);
    }
  });

  it("is not asked for again if it was refused, put off, never sent, or spoke of somebody else (I10, SEC-43)", async () => {
    for (const answer of [
      { kind: "config", code: "invalid_client" },
      { kind: "not_committed", code: "http_429" },
      { kind: "not_sent", code: "ECONNREFUSED" },
      { kind: "committed_bad", code: "subject_mismatch" },
    ] as const) {
      const { clock, as, one, row } = await due("grace_forks", GRACE);
      as.failNext({ answer });
      await one.token(ALICE);
      await clock.advance(20 * SECOND_MS);

      expect([answer.code, as.sent.length]).toEqual([answer.code, 1]);
      expect((await row(ALICE)).backoff).toMatchObject({ code: answer.code, failures: 1 });
    }
  });

  it("is asked for again by the next reader within the window, however many failures there were before (S1, I21)", async () => {
    const { as, clock, one, two, eventsOf } = await due("last_wins", LAST_WINS, { expired: true });
    const neverSent: Fault = { answer: { kind: "not_sent", code: "connection_refused" } };
    as.failNext(...Array.from({ length: 6 }, () => neverSent), {
      answer: { kind: "committed_bad", code: "subject_mismatch" },
      commits: true,
    });
    while (as.liveRefreshTokens("alice").includes("rt.alice.1")) {
      void one.token(ALICE, { maxWaitMs: 0 });
      await clock.advance(SECOND_MS);
    }
    await clock.advance(8 * SECOND_MS);
    const calls = Promise.all([two.token(ALICE), two.token(BOB)]);
    await clock.advance(SECOND_MS);

    expect(await calls).toEqual(["at.alice.3", "at.bob.2"]);
    expect(eventsOf("grant_ended")).toEqual([]);
  });

  it("is asked for at most three times more by one attempt, after growing pauses (I12, I10)", async () => {
    const world = await due("grace_forks", GRACE);
    const { clock, as, one, row } = world;
    as.failAlways(lostAfterCommit);
    await one.token(ALICE);
    await clock.advance(MINUTE_MS);

    const times = timesOf(world);
    expect([MAX_RESENDS, times.length]).toEqual([3, 4]);
    const pauses = times.slice(1).map((atMs, index) => atMs - times[index]!);
    for (const [index, pauseMs] of pauses.entries()) {
      expect(pauseMs).toBeGreaterThanOrEqual(250 * 2 ** index);
      expect(pauseMs).toBeLessThanOrEqual(500 * 2 ** index);
    }
    expect(await row(ALICE)).toMatchObject({
      state: "live",
      version: 1,
      lease: null,
      intent: { outcome: "unknown", startedAtMs: as.sentAtMs[0] },
      backoff: { failures: 1, code: "reset" },
    });
  });

  it("is not asked for again past the window, which began with the first request (S1, I12)", async () => {
    const world = await due("grace_forks", { class: "grace", graceMs: 4_000 }, { graceMs: 4_000 });
    const { clock, as, one } = world;
    const slow = {
      answer: { kind: "unknown", code: "http_502", answered: true, retryAfterMs: 1_000 },
    } as const;
    as.failNext({ ...slow, commits: true }, slow, slow, slow);
    await one.token(ALICE);
    await clock.advance(MINUTE_MS);

    // Three seconds of the four: a fourth request, a second after the third, would be too late.
    expect(timesOf(world)).toEqual([0, 1_000, 2_000]);
    expect(as.liveRefreshTokens("alice").length).toBeGreaterThan(0);
  });

  it.each([HOUR_MS, 10 * MINUTE_MS, 15 * SECOND_MS])(
    "is not asked for again when the clock jumps ahead by %i ms: the window may be over (I12, I17, X19)",
    async (jumpMs) => {
      const { clock, as, one } = await due("grace_forks", { class: "grace", graceMs: 13_000 });
      as.failNext({ hang: "until_abort", commits: true }, lostAfterCommit);
      await one.token(ALICE);
      await clock.advance(2 * SECOND_MS);
      clock.jump(jumpMs);
      await clock.advance(20 * SECOND_MS);

      expect(as.sent).toHaveLength(1);
    },
  );

  it.each([-HOUR_MS, -10 * MINUTE_MS, -10 * SECOND_MS, -4 * SECOND_MS, -SECOND_MS])(
    "is not asked for again past the window when the process's clock jumps by %i ms (I12, I17, X19, X20)",
    async (jumpMs) => {
      let setBackMs = 0;
      const world = await due("grace_forks", { class: "grace", graceMs: 13_000 }, { graceMs: 13_000 });
      const { clock, as, store } = world;
      const own = {
        nowMs: () => clock.nowMs() + setBackMs,
        sleep: (durationMs: number, signal?: AbortSignal) => clock.sleep(durationMs, signal),
      };
      const jumpy = createTokenManager({
        ...{ store, clock: own, sealer: boxSealer(), refresher: as, random: () => 0, holder: "jumpy" },
        ...{ newId: () => "jumpy's", rotationOf: () => ({ class: "grace", graceMs: 13_000 }) },
      });
      const hung: Fault = { hang: "until_abort", commits: true };
      as.failNext(hung, hung, hung, hung);
      await jumpy.getAccessToken(ALICE);
      await clock.advance(2 * SECOND_MS);
      setBackMs = jumpMs;
      await clock.advance(MINUTE_MS);

      expect(timesOf(world).length).toBeGreaterThanOrEqual(1);
      expect(Math.max(...timesOf(world))).toBeLessThan(12_000);
      expect(as.liveRefreshTokens("alice").length).toBeGreaterThan(0);
    },
  );

  it("is not asked for again past the window when the store's clock is set back (I12, I17, X21)", async () => {
    const { clock, as, store } = await due("grace_forks", GRACE);
    let aheadMs = 0;
    const own = {
      nowMs: () => clock.nowMs() + aheadMs,
      sleep: (durationMs: number, signal?: AbortSignal) => clock.sleep(durationMs, signal),
    };
    const process = createTokenManager({
      ...{ store, clock: own, sealer: boxSealer(), refresher: as, random: () => 0, holder: "steady" },
      ...{ newId: () => "steady's", rotationOf: () => ({ class: "grace", graceMs: 13_000 }) },
    });
    const hung: Fault = { hang: "until_abort", commits: true };
    as.failNext(hung, hung, hung, hung);
    await process.getAccessToken(ALICE);
    await clock.advance(2 * SECOND_MS);
    aheadMs = 5 * SECOND_MS;
    clock.jump(-aheadMs);
    await clock.advance(MINUTE_MS);

    // At 0 and 6.25 s; the next would come after 12 s.
    expect(as.sent).toHaveLength(2);
  });

  it("counts the longest that a request can take where the one clock of all was set back meanwhile (I12, X19)", async () => {
    const { clock, as, one } = await due("grace_forks", { class: "grace", graceMs: 13_000 });
    as.failNext({ hang: "until_abort", commits: true }, lostAfterCommit, lostAfterCommit);
    await one.token(ALICE);
    await clock.advance(6 * SECOND_MS);
    as.hold();
    await clock.advance(SECOND_MS);
    expect(as.sent).toHaveLength(2);
    clock.jump(-5 * SECOND_MS);
    await clock.advance(SECOND_MS);
    as.release();
    await clock.advance(20 * SECOND_MS);

    expect(as.sent).toHaveLength(2);
  });

  it("waits as long as the server asks for within the window, and not at all if it asks for longer (X35)", async () => {
    for (const [retryAfterMs, expected] of [
      [7_000, [0, 7_000]],
      [40_000, [0]],
    ] as const) {
      const world = await due("grace_forks", GRACE);
      const { clock, as, one, row } = world;
      as.failNext({
        answer: { kind: "unknown", code: "http_503", answered: true, retryAfterMs },
        commits: true,
      });
      await one.token(ALICE);
      await clock.advance(29 * SECOND_MS);

      expect(timesOf(world)).toEqual(expected);
      if (expected.length > 1) continue;
      const { backoff, intent } = await row(ALICE);
      expect(backoff!.untilMs - as.sentAtMs[0]!).toBeGreaterThanOrEqual(40_000);
      expect(intent).toMatchObject({ outcome: "answered" });
    }
  });

  it("is not asked for again by a holder whose lease has gone to somebody else (I1, I3)", async () => {
    const { clock, as, one, store, row, eventsOf } = await due("grace_forks", GRACE);
    as.failNext(lostAfterCommit);
    as.hold();
    await one.token(ALICE);
    await clock.settle();
    one.store.break("renewLease", "fail", 4);
    await clock.advance(4_050);
    const taken = await store.acquireLease(ALICE, {
      holder: "other",
      attemptId: "others",
      durationMs: 60_000,
      deadlineMs: 60_000,
    });
    as.release();
    await clock.advance(10 * SECOND_MS);

    expect([taken.status, as.sent]).toEqual(["acquired", ["rt.alice.1"]]);
    expect(await row(ALICE)).toMatchObject({
      lease: { holder: "other" },
      intent: { attemptId: "others", outcome: "pending" },
      backoff: null,
    });
    expect(eventsOf("refresh_ended")).toHaveLength(1);
  });

  it.each([
    ["takes it anew, and sends within the window", 10 * SECOND_MS, 2],
    ["sends nothing once the window is over", 40 * SECOND_MS, 1],
  ])(
    "a holder that stood still while it took its lease once more %s (X11, I1, I12)",
    async (_, stillMs, requests) => {
      const { clock, as, one, two } = await due("grace_forks", GRACE);
      as.failNext(lostAfterCommit);
      one.store.break("renewLease", "fail");
      await one.token(ALICE);
      await clock.settle();
      one.store.break("acquireLease", 20, 1);
      while (one.store.count("acquireLease") < 2) await clock.advance(1);
      one.freeze();
      await clock.advance(stillMs);
      one.thaw();
      await clock.advance(5 * SECOND_MS);

      expect(as.sent).toHaveLength(requests);
      expect(one.store.count("acquireLease")).toBe(3);
      expect([await one.token(ALICE), await two.token(BOB)]).toEqual([
        requests === 1 ? "at.alice.1" : "at.alice.3",
        "at.bob.1",
      ]);
      expect(as.liveRefreshTokens("alice")).not.toEqual([]);
    },
  );

  it("is not asked for again by a holder that never gets its lease in time: it gives it back (I11, X19)", async () => {
    const { clock, as, one, store, row } = await due("grace_forks", GRACE);
    as.failNext(lostAfterCommit);
    await one.token(ALICE);
    await clock.settle();
    one.store.answer("acquireLease", async (...args) => {
      const taken = await store.acquireLease(...(args as Parameters<typeof store.acquireLease>));
      clock.jump(5 * SECOND_MS);
      return taken;
    });
    await clock.advance(SECOND_MS);

    expect([as.sent.length, one.store.count("acquireLease")]).toEqual([1, 4]);
    expect(await row(ALICE)).toMatchObject({ lease: null, intent: { outcome: "unknown" } });
  });

  it("is not asked for again while the store does not confirm the lease (I1, X32)", async () => {
    const { clock, as, one, two } = await due("grace_forks", GRACE);
    as.failNext(lostAfterCommit);
    one.store.break("renewLease", "fail");
    await one.token(ALICE);
    await clock.settle();
    one.store.break("acquireLease", "fail");
    await clock.advance(3 * SECOND_MS);
    expect(as.sent).toEqual(["rt.alice.1"]);

    // Nothing is lost by it: the intent is there, and the next attempt is within the window.
    await two.token(ALICE);
    await clock.advance(SECOND_MS);
    expect(await two.token(ALICE)).toBe("at.alice.3");
  });

  it("keeps its lease all the time, so that nobody sends at the same time (I1, M5)", async () => {
    const { clock, as, one, two, row } = await due("grace_forks", GRACE);
    const hung: Fault = { hang: "until_abort", commits: true };
    as.failNext(hung, lostAfterCommit, lostAfterCommit);
    await one.token(ALICE);
    const holders = new Set<string | undefined>();
    for (let second = 0; second < 15; second++) {
      void two.token(ALICE);
      await clock.advance(SECOND_MS);
      holders.add((await row(ALICE)).lease?.holder);
    }
    await clock.advance(15 * SECOND_MS);

    expect([...holders]).toEqual([one.name]);
    // The one that hangs stays open: its answer may still come.
    expect([as.maxInFlight, as.sent.length]).toEqual([2, 4]);
    expect(await two.token(ALICE)).toBe("at.alice.5");
  });

  it("ends the grant only if the refusal of the second request still stands when no earlier one can win (I6)", async () => {
    const { clock, as, one, row } = await due("grace_forks", GRACE, { expired: true });
    as.failNext(lostAfterCommit, refused);
    const call = one.token(ALICE);
    await clock.advance(6 * SECOND_MS);
    expect(await call).toBe("refresh_unavailable:unresolved_refresh");
    expect(await row(ALICE)).toMatchObject({ state: "live", intent: { outcome: "unknown" } });

    as.killFamily("alice");
    await clock.advance(12 * SECOND_MS);
    expect(await one.token(ALICE)).toBe("reauthentication_required:lost_response");
    expect(as.sent).toHaveLength(3);
    const bob = one.token(BOB);
    expect(await isSettled(clock, bob)).toBe(true);
  });
});

describe("an answer that got lost at a strict server", () => {
  it.each<RotationClass>(["strict_error", "strict_family"])(
    "is never asked for again while the token in hand is good (S6, I12: %s)",
    async (rotation) => {
      const world = await due(rotation, undefined);
      const { clock, as, one, two } = world;
      as.failNext(lostAfterCommit);
      for (let minute = 0; minute < 8; minute++) {
        expect(await one.token(ALICE)).toBe("at.alice.1");
        expect(await two.token(ALICE)).toBe("at.alice.1");
        await clock.advance(MINUTE_MS);
      }

      expect(as.sent).toEqual(["rt.alice.1"]);
    },
  );

  it("is not asked for again because it is said to have a grace (P6)", async () => {
    const { clock, as, one } = await due("strict_family", { class: "strict", graceMs: HOUR_MS });
    as.failNext(lostAfterCommit);
    await one.token(ALICE);
    await clock.advance(5 * MINUTE_MS);

    expect(as.sent).toEqual(["rt.alice.1"]);
  });
});

describe("an answer that got lost where the old refresh token stays good for ever", () => {
  it.each<[RotationClass, RotationPolicy]>([
    ["static", { class: "none", graceMs: 0 }],
    ["grace_forks", { class: "overlapping", graceMs: 0 }],
    ["idempotent", { class: "idempotent", graceMs: Number.POSITIVE_INFINITY }],
  ])("is asked for again by back-off, without any hurry (S1, I10: %s)", async (rotation, policy) => {
    const world = await due(rotation, policy, { graceMs: Number.POSITIVE_INFINITY });
    const { clock, as, one, row } = world;
    as.failNext(lostAfterCommit);
    await one.token(ALICE);
    await clock.advance(450);
    expect(as.sent).toHaveLength(1);
    const { lease, backoff } = await row(ALICE);
    expect([lease, backoff?.failures]).toEqual([null, 1]);

    for (let second = 0; second < 3; second++) {
      void one.token(ALICE);
      await clock.advance(SECOND_MS);
    }
    expect(as.sent).toEqual(["rt.alice.1", "rt.alice.1"]);
    expect((await row(ALICE)).version).toBe(2);
  });

  it("does not make a storm of it when every answer gets lost (I10, I12)", async () => {
    const policy: RotationPolicy = { class: "overlapping", graceMs: 0 };
    const { clock, as, one, two } = await due("grace_forks", policy, {
      graceMs: Number.POSITIVE_INFINITY,
      expired: true,
    });
    as.failAlways(lostAfterCommit);
    for (let second = 0; second < 120; second++) {
      for (const { token } of [one, two]) void Promise.all([token(ALICE), token(BOB)]);
      await clock.advance(SECOND_MS);
    }

    expect(as.requestsOf("alice")).toBeGreaterThanOrEqual(5);
    expect(as.requestsOf("alice")).toBeLessThanOrEqual(12);
  });
});
