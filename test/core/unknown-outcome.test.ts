import { describe, expect, it } from "vitest";

import type { RotationClass } from "./support/authorization-server.ts";
import {
  ALICE,
  BOB,
  HOUR_MS,
  MINUTE_MS,
  SECOND_MS,
  isSettled,
  scenario,
  type Scenario,
} from "./support/scenario.ts";

const reset = { kind: "unknown", code: "reset", answered: false } as const;

/** One call a second, so that somebody always wants the token. */
async function browse(
  world: Scenario,
  token: (id: string) => Promise<string>,
  seconds: number,
): Promise<string[]> {
  const answers: Promise<string>[] = [];
  for (let second = 0; second < seconds; second++) {
    answers.push(token(ALICE));
    await world.clock.advance(SECOND_MS);
  }
  await world.clock.advance(10 * SECOND_MS);
  return Promise.all(answers);
}

describe("a refresh whose answer never came", () => {
  it("is not sent again before its deadline and a quiet time, even for an expired token (I12)", async () => {
    const world = scenario({ lifetimeMs: HOUR_MS });
    const { clock, as, server, signInBoth } = world;
    await signInBoth();
    const [one, two] = [server(), server()];
    await clock.advance(2 * HOUR_MS);
    const startedMs = clock.nowMs();
    as.failNext({ answer: reset });
    for (let second = 0; second < 70; second++) {
      const calls = Promise.all([one.token(ALICE), two.token(ALICE)]);
      await clock.advance(SECOND_MS);
      void calls;
    }

    expect(as.sent).toEqual(["rt.alice.1", "rt.alice.1"]);
    const [, againMs] = as.sentAtMs;
    expect(againMs! - startedMs).toBeGreaterThanOrEqual(61 * SECOND_MS);
    expect(againMs! - startedMs).toBeLessThanOrEqual(63 * SECOND_MS);
    expect(await one.token(ALICE)).toBe("at.alice.2");
  });

  it("is not sent again while the token in hand is good, then once (I12, S6)", async () => {
    const world = scenario({ lifetimeMs: HOUR_MS });
    const { clock, as, server, signInBoth, row } = world;
    await signInBoth();
    const [one, two] = [server(), server()];
    await clock.advance(50 * MINUTE_MS);
    as.failNext({ answer: reset });
    await one.token(ALICE);

    const answers = await browse(world, two.token, 9 * MINUTE_MS * 1e-3);
    expect(new Set(answers)).toEqual(new Set(["at.alice.1"]));
    expect(as.sent).toEqual(["rt.alice.1"]);
    expect((await row(ALICE)).intent).toMatchObject({ outcome: "unknown", parentVersion: 1 });

    await browse(world, two.token, 60);
    expect(as.sent).toEqual(["rt.alice.1", "rt.alice.1"]);
    expect(await one.token(ALICE)).toBe("at.alice.2");
    expect((await row(ALICE)).intent).toBeNull();
  });

  it("does not make callers or tabs hammer the store while it is left alone (I10)", async () => {
    const world = scenario({ lifetimeMs: HOUR_MS });
    const { clock, as, server, signInBoth, row } = world;
    await signInBoth();
    const { token, store, manager } = server();
    await clock.advance(50 * MINUTE_MS);
    as.failNext({ answer: reset });
    await token(ALICE);
    await clock.advance(2 * MINUTE_MS);
    const { fence } = await row(ALICE);
    const leases = store.count("acquireLease");

    await browse(world, token, 60);
    const view = await manager.view(ALICE, { wait: true });

    expect([store.count("acquireLease") - leases, (await row(ALICE)).fence - fence]).toEqual([0, 0]);
    expect(view).toMatchObject({ status: "retrying" });
    expect((view as { askInMs: number }).askInMs).toBeGreaterThanOrEqual(30 * SECOND_MS);
    expect(as.sent).toHaveLength(1);
  });

  it("is sent again by back-off where an answer came that does not say, such as a 503 (I12, X33)", async () => {
    const world = scenario({ lifetimeMs: HOUR_MS });
    const { clock, as, server, signInBoth } = world;
    await signInBoth();
    const { token } = server();
    await clock.advance(55 * MINUTE_MS);
    as.failNext({ answer: { kind: "unknown", code: "http_503", answered: true } });
    await browse(world, token, 4);

    expect(as.sent).toHaveLength(2);
    expect(await token(ALICE)).toBe("at.alice.2");
  });

  it("is noted before it is sent, so that the next holder knows (S2, M21, I22)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const one = server();
    await clock.advance(55 * MINUTE_MS);
    as.hold();
    await one.token(ALICE);
    await clock.settle();

    expect(await row(ALICE)).toMatchObject({
      intent: {
        holder: one.name,
        parentVersion: 1,
        fence: 1,
        startedAtMs: clock.nowMs(),
        deadlineAtMs: clock.nowMs() + MINUTE_MS,
        outcome: "pending",
      },
      lease: { holder: one.name, fence: 1 },
    });
    as.release();
    await clock.settle();
    expect(await row(ALICE)).toMatchObject({ intent: null, lease: null, backoff: null, fence: 1 });
  });
});

describe("a refresh whose answer never came, followed by one that was put off", () => {
  it("is still known when the token is refused in the end: the reason is the lost answer (I20, I21)", async () => {
    const world = scenario({ lifetimeMs: 5 * MINUTE_MS });
    const { clock, as, server, signInBoth, row } = world;
    await signInBoth();
    const { token } = server();
    await clock.advance(4 * MINUTE_MS);
    as.failNext({ answer: reset, commits: true }, { answer: { kind: "not_committed", code: "http_429" } });
    await browse(world, token, 150);

    expect(await token(ALICE)).toBe("reauthentication_required:lost_response");
    expect([as.sent.length, (await row(ALICE)).endReason]).toEqual([3, "lost_response"]);
  });
});

describe("a hung refresh", () => {
  it("ends at its deadline for everybody who waits, and keeps its lease until then (I11, S3, M5)", async () => {
    const { clock, as, server, signInBoth, row, eventsOf } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const [one, two] = [server(), server()];
    as.failNext({ hang: "deaf" });
    await clock.advance(2 * HOUR_MS);
    const waited = one.token(ALICE, { maxWaitMs: 10 * MINUTE_MS });
    for (let second = 0; second < 59; second++) {
      void two.token(ALICE);
      await clock.advance(SECOND_MS);
      const { lease } = await row(ALICE);
      expect(lease).toMatchObject({ holder: one.name });
      expect(lease!.untilMs).toBeGreaterThan(clock.nowMs());
    }
    expect(await isSettled(clock, waited)).toBe(false);
    await clock.advance(6 * SECOND_MS);

    expect(eventsOf("refresh_ended")[0]).toMatchObject({
      outcome: "unknown",
      code: "timeout",
      tookMs: 60_000,
    });
    expect(await waited).toBe("at.alice.2");
    expect(as.sent).toHaveLength(2);
    expect(one.shared.flights.size + two.shared.flights.size).toBe(0);
  });

  it("that answers after its deadline is committed all the same (I4)", async () => {
    const { clock, as, server, signInBoth, row } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const { token } = server();
    as.failNext({ hang: "deaf", afterMs: 5 * MINUTE_MS, commits: true });
    await clock.advance(52 * MINUTE_MS);
    await token(ALICE);
    await clock.advance(4 * MINUTE_MS);
    expect(await token(ALICE)).toBe("at.alice.1");

    await clock.advance(MINUTE_MS);

    expect(await row(ALICE)).toMatchObject({ version: 2, intent: null, backoff: null });
    expect(await token(ALICE)).toBe("at.alice.2");
    expect(as.sent).toEqual(["rt.alice.1"]);
    expect(as.replayed).toEqual([]);
  });

  it("that answers after somebody else has refreshed is kept as a candidate (I4, S5)", async () => {
    const { clock, as, server, signInBoth, row, eventsOf } = scenario({ lifetimeMs: MINUTE_MS });
    as.rotation = "grace_forks";
    as.graceMs = HOUR_MS;
    await signInBoth();
    const [one, two] = [server(), server()];
    as.failNext({ hang: "deaf", afterMs: 2 * MINUTE_MS, commits: true });
    await clock.advance(50 * SECOND_MS);
    await one.token(ALICE);
    await clock.advance(30 * SECOND_MS);
    expect(await two.token(ALICE)).toBe("at.alice.3");
    await clock.advance(2 * MINUTE_MS);

    const { candidates, version } = await row(ALICE);
    expect([candidates.length, version]).toEqual([1, 2]);
    expect(eventsOf("candidate_kept")).toHaveLength(1);
  });
});

describe("a lost answer at a server that rotated (TL1, F34)", () => {
  const classes: readonly [RotationClass, number, string][] = [
    ["static", 0, "at.alice.3"],
    ["idempotent", HOUR_MS, "at.alice.2"],
    ["grace_forks", HOUR_MS, "at.alice.3"],
    ["last_wins", HOUR_MS, "at.alice.3"],
    ["strict_error", 0, "reauthentication_required:lost_response"],
    ["strict_family", 0, "reauthentication_required:lost_response"],
    ["grace_forks", 0, "reauthentication_required:lost_response"],
  ];

  it.each(classes)("of class %s with a window of %i ms ends as %s", async (rotation, graceMs, expected) => {
    const world = scenario({ lifetimeMs: 5 * MINUTE_MS });
    const { clock, as, server, signInBoth, eventsOf } = world;
    as.rotation = rotation;
    as.graceMs = graceMs;
    await signInBoth();
    const { token } = server();
    await clock.advance(4 * MINUTE_MS);
    as.failNext({ answer: reset, commits: true });

    const answers = await browse(world, token, 58);
    expect(answers.slice(0, 50).every((answer) => answer === "at.alice.1")).toBe(true);
    await browse(world, token, 90);

    expect(await token(ALICE)).toBe(expected);
    expect(eventsOf("grant_ended")).toHaveLength(expected.startsWith("at.") ? 0 : 1);
    const bob = token(BOB);
    await clock.advance(SECOND_MS);
    expect(await bob).toMatch(/^at\.bob/);
  });
});
