import { describe, expect, it } from "vitest";

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
const FOREVER = Number.POSITIVE_INFINITY;
const lostAfterCommit: Fault = {
  answer: { kind: "unknown", code: "reset", answered: false },
  commits: true,
};

interface Crash extends Scenario {
  readonly crashed: Server;
  readonly other: Server;
  /** When the server that crashed had sent, in epoch milliseconds. */
  readonly sentMs: number;
}

/** One server has refreshed Alice's due grant, and stands still since the authorization server acted on it. */
async function crashAfterCommit(
  rotation: RotationClass,
  policy: RotationPolicy | undefined,
  { graceMs = WINDOW_MS, afterMs = 51 * MINUTE_MS } = {},
): Promise<Crash> {
  const world = scenario({ lifetimeMs: HOUR_MS });
  const { as, clock } = world;
  as.rotation = rotation;
  as.graceMs = graceMs;
  await world.signInBoth();
  const options = policy === undefined ? {} : { rotationOf: () => policy };
  const [crashed, other] = [world.server(options), world.server(options)];
  await clock.advance(afterMs);
  as.hold();
  void crashed.token(ALICE);
  await clock.settle();
  crashed.freeze();
  as.release();
  await clock.settle();
  return { ...world, crashed, other, sentMs: as.sentAtMs[0]! };
}

/** A call each second, so that whatever may be sent is sent. */
async function browse({ clock }: Scenario, { token }: Server, seconds: number): Promise<string[]> {
  const answers: Promise<string>[] = [];
  for (let second = 0; second < seconds; second++) {
    answers.push(token(ALICE));
    await clock.advance(SECOND_MS);
  }
  await clock.advance(6 * SECOND_MS);
  return Promise.all(answers);
}

const generous: readonly [RotationClass, RotationPolicy, number, string][] = [
  ["static", { class: "none", graceMs: 0 }, 0, "at.alice.3"],
  ["grace_forks", { class: "overlapping", graceMs: 0 }, FOREVER, "at.alice.3"],
  ["idempotent", { class: "idempotent", graceMs: WINDOW_MS }, WINDOW_MS, "at.alice.2"],
  ["grace_forks", { class: "grace", graceMs: WINDOW_MS }, WINDOW_MS, "at.alice.3"],
  ["last_wins", { class: "last_wins", graceMs: WINDOW_MS }, WINDOW_MS, "at.alice.3"],
];

describe("a crash after the authorization server rotated, before anything was stored", () => {
  it.each(generous)(
    "costs nothing where it gives a second chance: %s, %o (TL2, S1, X5, I21)",
    async (rotation, policy, graceMs, expected) => {
      const world = await crashAfterCommit(rotation, policy, { graceMs });
      const { clock, as, other, row, eventsOf, sentMs } = world;
      const answers = await browse(world, other, 8);

      expect(answers.slice(0, 4)).toEqual(Array(4).fill("at.alice.1"));
      expect(await other.token(ALICE)).toBe(expected);
      // At once when the lease ended, not at the end of the access token.
      expect(as.sentAtMs[1]! - sentMs).toBeLessThanOrEqual(6 * SECOND_MS);
      expect(as.sent).toEqual(["rt.alice.1", "rt.alice.1"]);
      expect(eventsOf("lease_taken_over")).toMatchObject([{ found: "pending", grantRef: "alice-grant-" }]);
      expect(await row(ALICE)).toMatchObject({ version: 2, state: "live", intent: null, lease: null });
      // The chain goes on.
      await clock.advance(2 * HOUR_MS);
      expect(await other.token(ALICE)).toMatch(/^at\.alice\./);
      expect(await other.token(BOB)).toBe("at.bob.2");
    },
  );

  it.each(generous)(
    "brings an expired user the new token within one wait: %s, %o (TL2, I11, I20)",
    async (rotation, policy, graceMs, expected) => {
      const afterMs = 2 * HOUR_MS;
      const { clock, other } = await crashAfterCommit(rotation, policy, { graceMs, afterMs });

      const call = other.token(ALICE);
      await clock.advance(5 * SECOND_MS);

      expect(await isSettled(clock, call)).toBe(true);
      expect(await call).toBe(expected);
    },
  );

  it.each<[string, RotationPolicy | undefined]>([
    ["nobody knows of", undefined],
    ["is strict", { class: "strict", graceMs: HOUR_MS }],
  ])("is left alone where the server %s, for as long as the token is good (TL2, S6)", async (_, policy) => {
    const world = await crashAfterCommit("strict_family", policy);
    const { as, other, eventsOf } = world;
    const answers = await browse(world, other, 480);

    expect(new Set(answers)).toEqual(new Set(["at.alice.1"]));
    expect(as.sent).toEqual(["rt.alice.1"]);
    expect(eventsOf("grant_ended")).toEqual([]);
  });

  it("that committed nothing is found out at a strict server just before the token ends (TL2, X4, I20)", async () => {
    const world = scenario({ lifetimeMs: HOUR_MS });
    const { clock, as, server, signInBoth } = world;
    await signInBoth();
    const [crashed, other] = [server(), server()];
    as.failNext({ hang: "deaf" });
    await clock.advance(51 * MINUTE_MS);
    await crashed.token(ALICE);
    crashed.freeze();
    await browse(world, other, 530);
    expect(as.sent).toEqual(["rt.alice.1"]);

    await browse(world, other, 10);
    expect(as.sent).toEqual(["rt.alice.1", "rt.alice.1"]);
    expect(await other.token(ALICE)).toBe("at.alice.2");
  });

  it("that is noticed only after the window is handled as at a strict server (TL2, S6, I12)", async () => {
    const policy: RotationPolicy = { class: "grace", graceMs: WINDOW_MS };
    const world = await crashAfterCommit("grace_forks", policy);
    const { clock, as, other, row, sentMs } = world;
    await clock.advance(sentMs + 29_000 - clock.nowMs());
    await browse(world, other, 460);

    expect(as.sent).toEqual(["rt.alice.1"]);
    expect(await other.token(ALICE)).toBe("at.alice.1");
    await browse(world, other, 60);
    expect(as.sent).toEqual(["rt.alice.1", "rt.alice.1"]);
    expect(await other.token(ALICE)).toBe("reauthentication_required:lost_response");
    expect((await row(ALICE)).endReason).toBe("lost_response");
    expect(await other.token(BOB)).toBe("at.bob.2");
  });

  it("is acted upon up to the last moment of the window, by the store's clock (S1, X20)", async () => {
    for (const [skewMs, lateMs, sends] of [
      [0, 28_999, 2],
      [HOUR_MS / 4, 28_999, 2],
      [0, 29_000, 1],
      [-HOUR_MS / 4, 29_000, 1],
    ] as const) {
      const policy: RotationPolicy = { class: "grace", graceMs: WINDOW_MS };
      const world = await crashAfterCommit("grace_forks", policy);
      const { clock, as, server, sentMs } = world;
      const skewed = server({ skewMs, rotationOf: () => policy, leadTimeMs: HOUR_MS });
      await clock.advance(sentMs + lateMs - clock.nowMs());
      void skewed.token(ALICE);
      await clock.settle();

      expect([skewMs, lateMs, as.sent.length]).toEqual([skewMs, lateMs, sends]);
    }
  });
});

describe("whoever takes over within the window", () => {
  it("counts what is left of it from the first request, not from its own (S1, I12)", async () => {
    const graceMs = 8_000;
    const world = await crashAfterCommit("grace_forks", { class: "grace", graceMs }, { graceMs });
    const { as, other, sentMs } = world;
    as.failAlways(lostAfterCommit);
    await browse(world, other, 30);

    const times = as.sentAtMs.map((atMs) => atMs - sentMs);
    expect(times.length).toBeGreaterThanOrEqual(3);
    expect(Math.max(...times)).toBeLessThan(7_000);
  });

  it("counts it by its own clock as well, should the store's be set back meanwhile (S1, X21)", async () => {
    const policy: RotationPolicy = { class: "grace", graceMs: 8_000 };
    const { clock, as, store } = await crashAfterCommit("grace_forks", policy, { graceMs: 8_000 });
    let aheadMs = 0;
    const process = createTokenManager({
      ...{ store, sealer: boxSealer(), refresher: as, random: () => 0, holder: "steady" },
      ...{ newId: () => "steady's", rotationOf: () => policy },
      clock: {
        nowMs: () => clock.nowMs() + aheadMs,
        sleep: (durationMs, signal) => clock.sleep(durationMs, signal),
      },
    });
    as.failNext({ hang: "until_abort", commits: true }, lostAfterCommit);
    await clock.advance(5 * SECOND_MS);
    await process.getAccessToken(ALICE);
    await clock.advance(SECOND_MS);
    expect(as.sent).toHaveLength(2);
    aheadMs = 4 * SECOND_MS;
    clock.jump(-aheadMs);
    await clock.advance(MINUTE_MS);

    expect(as.sent).toHaveLength(2);
  });

  it("leaves the first request's moment behind if its own answer gets lost too (S1, I12)", async () => {
    const policy: RotationPolicy = { class: "grace", graceMs: WINDOW_MS };
    const world = await crashAfterCommit("grace_forks", policy);
    const { clock, as, other, row, sentMs } = world;
    as.failAlways(lostAfterCommit);
    await clock.advance(20 * SECOND_MS);
    await other.token(ALICE);
    await clock.advance(5 * SECOND_MS);

    expect(as.sent.length).toBeGreaterThanOrEqual(3);
    expect((await row(ALICE)).intent).toMatchObject({ startedAtMs: sentMs, outcome: "unknown" });
    await clock.advance(5 * SECOND_MS);
    const before = as.sent.length;
    await browse(world, other, 60);
    expect(as.sent).toHaveLength(before);
  });

  it("hands on the first request's moment even if it crashes too: a third server keeps to it (S1, S6, I12)", async () => {
    const policy: RotationPolicy = { class: "grace", graceMs: WINDOW_MS };
    const world = await crashAfterCommit("grace_forks", policy);
    const { clock, as, other, row, server, sentMs } = world;
    await clock.advance(20 * SECOND_MS);
    as.hold();
    void other.token(ALICE);
    await clock.settle();
    other.freeze();
    as.release();
    await clock.settle();
    expect([as.sent.length, (await row(ALICE)).intent?.startedAtMs]).toEqual([2, sentMs]);
    await clock.advance(sentMs + 29_000 - clock.nowMs());

    // Inside a window of the second request, outside that of the first: its tokens may still come.
    const answers = await browse(world, server({ rotationOf: () => policy }), 60);
    expect([as.sent.length, new Set(answers)]).toEqual([2, new Set(["at.alice.1"])]);
    other.thaw();
    await clock.settle();
    expect(await row(ALICE)).toMatchObject({ version: 2, state: "live", intent: null });
    expect(await server().token(ALICE)).toBe("at.alice.3");
  });

  it("does so alone: a third server waits for it and adopts (I1, F14)", async () => {
    const policy: RotationPolicy = { class: "grace", graceMs: WINDOW_MS };
    const world = await crashAfterCommit("grace_forks", policy, { afterMs: 2 * HOUR_MS });
    const { clock, as, other, server, eventsOf } = world;
    const third = server({ rotationOf: () => policy });
    as.latencyMs = 300;
    const calls = [other, third].map(({ token }) => token(ALICE, { maxWaitMs: 10 * SECOND_MS }));
    await clock.advance(10 * SECOND_MS);

    expect(await Promise.all(calls)).toEqual(["at.alice.3", "at.alice.3"]);
    expect([as.sent.length, eventsOf("refresh_adopted").length]).toEqual([2, 1]);
  });

  it("and the one that only stood still end up with tokens that work, both (TL3, P3, I4)", async () => {
    const policy: RotationPolicy = { class: "grace", graceMs: WINDOW_MS };
    const world = await crashAfterCommit("grace_forks", policy);
    const { clock, as, crashed, other, row } = world;
    await browse(world, other, 8);
    crashed.thaw();
    await clock.advance(SECOND_MS);

    expect([await crashed.token(ALICE), await other.token(ALICE)]).toEqual(["at.alice.3", "at.alice.3"]);
    const { version, candidates } = await row(ALICE);
    expect([version, candidates.length]).toEqual([2, 1]);
    expect(as.liveRefreshTokens("alice")).toEqual(["rt.alice.2", "rt.alice.3"]);
  });
});
