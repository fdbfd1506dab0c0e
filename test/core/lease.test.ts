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
  type Server,
} from "./support/scenario.ts";

/** Has a server ask for Alice's token, and stop for good once the authorization server has acted on its request. */
async function stopInFlight({ as, clock }: Scenario, server: Server): Promise<void> {
  as.hold();
  void server.token(ALICE);
  await clock.settle();
  server.freeze();
  as.release();
  await clock.settle();
}

describe("a server that crashes", () => {
  it("while it refreshes holds nobody up for longer than maxWaitMs, and its lease ends by itself (I11, F19)", async () => {
    const world = scenario({ lifetimeMs: MINUTE_MS });
    const { clock, as, server, signInBoth } = world;
    await signInBoth();
    const [crashed, other] = [server(), server()];
    await clock.advance(2 * MINUTE_MS);
    as.failNext({ answer: { kind: "not_sent", code: "ECONNREFUSED" } });
    await stopInFlight(world, crashed);

    const call = other.token(ALICE);
    await clock.advance(5 * SECOND_MS);
    expect(await isSettled(clock, call)).toBe(true);
    expect(await call).toMatch(/^refresh_unavailable/);
    const bob = other.token(BOB);
    expect(await isSettled(clock, bob)).toBe(true);
    expect(await bob).toBe("at.bob.2");

    await clock.advance(12 * SECOND_MS);
    const later = other.token(ALICE);
    await clock.advance(SECOND_MS);
    expect(await later).toBe("at.alice.2");
    expect(as.requestsOf("alice")).toBe(2);
  });

  it("before it has sent anything costs one lease and the quiet time, no session (X2, I6, I20)", async () => {
    const { clock, as, server, signInBoth, store } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    await clock.advance(51 * MINUTE_MS);
    await store.acquireLease(ALICE, {
      holder: "crashed",
      attemptId: "never-sent",
      durationMs: 4_000,
      deadlineMs: 60_000,
    });
    const { token } = server();
    for (let second = 0; second < 525; second++) {
      expect(await token(ALICE)).toBe("at.alice.1");
      await clock.advance(SECOND_MS);
    }
    expect(as.sent).toEqual([]);
    await clock.advance(6 * SECOND_MS);

    expect(await token(ALICE)).toBe("at.alice.2");
    expect(as.sent).toEqual(["rt.alice.1"]);
  });

  it.each<[RotationClass, string]>([
    ["static", "at.alice.3"],
    ["idempotent", "at.alice.2"],
    ["grace_forks", "at.alice.3"],
    ["last_wins", "at.alice.3"],
    ["strict_family", "reauthentication_required:lost_response"],
  ])(
    "after a server of class %s has rotated: %s, and everybody is served meanwhile (TL2, X5, I21)",
    async (rotation, expected) => {
      const world = scenario({ lifetimeMs: HOUR_MS });
      const { clock, as, server, signInBoth, eventsOf } = world;
      as.rotation = rotation;
      as.graceMs = HOUR_MS;
      await signInBoth();
      const [crashed, other] = [server(), server()];
      await clock.advance(50 * MINUTE_MS);
      await stopInFlight(world, crashed);
      await clock.advance(SECOND_MS);
      for (let second = 0; second < 580; second++) {
        expect(await other.token(ALICE)).toBe("at.alice.1");
        await clock.advance(SECOND_MS);
      }
      expect(as.sent).toEqual(["rt.alice.1"]);

      await clock.advance(15 * SECOND_MS);
      const call = other.token(ALICE);
      await clock.advance(5 * SECOND_MS);

      expect(await call).toBe(expected);
      expect(as.sent).toHaveLength(2);
      expect(eventsOf("grant_ended")).toHaveLength(expected.startsWith("at.") ? 0 : 1);
    },
  );
});

describe("a server that stands still and wakes up again (TL3, X11)", () => {
  it("after the authorization server's answer commits it although its lease is gone, if nobody else has", async () => {
    const world = scenario({ lifetimeMs: HOUR_MS });
    const { clock, as, server, signInBoth, row } = world;
    await signInBoth();
    const [paused, other] = [server(), server()];
    await clock.advance(50 * MINUTE_MS);
    await stopInFlight(world, paused);
    await clock.advance(5 * MINUTE_MS);
    expect(await other.token(ALICE)).toBe("at.alice.1");
    await clock.settle();
    expect(as.sent).toHaveLength(1);

    paused.thaw();
    await clock.settle();

    expect(await row(ALICE)).toMatchObject({ version: 2, intent: null, state: "live" });
    expect(await other.token(ALICE)).toBe("at.alice.2");
    expect(as.replayed).toEqual([]);
  });

  it("too late at a server that forks: the other's tokens stay, its own become a candidate (I2, I3, I4)", async () => {
    const world = scenario({ lifetimeMs: MINUTE_MS });
    const { clock, as, server, signInBoth, row } = world;
    as.rotation = "grace_forks";
    as.graceMs = HOUR_MS;
    await signInBoth();
    const [paused, other] = [server(), server()];
    await clock.advance(50 * SECOND_MS);
    await stopInFlight(world, paused);
    await clock.advance(30 * SECOND_MS);
    expect(await other.token(ALICE)).toBe("at.alice.3");
    const before = await row(ALICE);

    paused.thaw();
    await clock.settle();

    const after = await row(ALICE);
    expect(after.sealedTokenSet).toBe(before.sealedTokenSet);
    expect([after.version, after.candidates.length, after.lease, after.state]).toEqual([2, 1, null, "live"]);
    expect([await paused.token(ALICE), await other.token(ALICE)]).toEqual(["at.alice.3", "at.alice.3"]);
  });

  it("too late, and the store is away just then: its tokens are kept all the same (I4, S5)", async () => {
    const world = scenario({ lifetimeMs: MINUTE_MS });
    const { clock, as, server, signInBoth, row } = world;
    as.rotation = "grace_forks";
    as.graceMs = HOUR_MS;
    await signInBoth();
    const [paused, other] = [server(), server()];
    await clock.advance(50 * SECOND_MS);
    await stopInFlight(world, paused);
    await clock.advance(30 * SECOND_MS);
    expect(await other.token(ALICE)).toBe("at.alice.3");
    paused.store.break("addCandidate", "fail", 4);

    paused.thaw();
    await clock.settle();
    expect(await paused.token(ALICE)).toBe("at.alice.3");
    await clock.advance(5 * SECOND_MS);

    expect((await row(ALICE)).candidates).toHaveLength(1);
    expect(clock.pendingSleeps).toBe(0);
  });

  it("before it has sent: takes a new lease first, because its own is gone (I1)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const [paused, other] = [server(), server()];
    await clock.advance(50 * SECOND_MS);
    paused.store.break("acquireLease", 1, 1);
    const stuck = paused.token(ALICE);
    await clock.settle();
    paused.freeze();
    await clock.advance(30 * SECOND_MS);
    expect(await other.token(ALICE)).toBe("at.alice.2");

    paused.thaw();
    await clock.advance(SECOND_MS);

    expect(await stuck).toBe("at.alice.1");
    expect(await paused.token(ALICE)).toBe("at.alice.2");
    expect(as.sent).toEqual(["rt.alice.1"]);
  });

  it.each([
    [{ kind: "unknown", code: "http_503", answered: true, retryAfterMs: MINUTE_MS }, "answered"],
    [{ kind: "committed_bad", code: "invalid_body", retryAfterMs: MINUTE_MS }, "answered"],
    [{ kind: "not_committed", code: "http_429", retryAfterMs: MINUTE_MS }, undefined],
  ] as const)(
    "and is told to wait: the pause holds for all, although its lease had gone meanwhile (I10, I12): %j",
    async (answer, outcome) => {
      const world = scenario({ lifetimeMs: MINUTE_MS });
      const { clock, as, server, signInBoth, row } = world;
      await signInBoth();
      const [paused, other] = [server(), server()];
      await clock.advance(50 * SECOND_MS);
      as.failNext({ answer });
      await stopInFlight(world, paused);
      expect(await other.token(ALICE)).toBe("at.alice.1");
      await clock.advance(5 * SECOND_MS);
      expect(await row(ALICE)).toMatchObject({ fence: 2, lease: null, backoff: null });

      paused.thaw();
      await clock.settle();

      expect(await row(ALICE)).toMatchObject({ lease: null, backoff: { code: answer.code } });
      expect((await row(ALICE)).intent?.outcome).toBe(outcome);
      const calls = [paused, other].map(({ token }) => token(ALICE, { minValidityMs: 20 * SECOND_MS }));
      await clock.advance(50 * SECOND_MS);
      expect(await Promise.all(calls)).toEqual(
        [answer, answer].map(({ code }) => `refresh_unavailable:${code}`),
      );
      expect(as.sent).toEqual(["rt.alice.1"]);
      await clock.advance(20 * SECOND_MS);
      expect([await other.token(ALICE), await other.token(BOB)]).toEqual(["at.alice.2", "at.bob.2"]);
    },
  );

  it("and gets no answer: another one may ask as soon as its intent allows it (S6, I12)", async () => {
    const world = scenario({ lifetimeMs: MINUTE_MS });
    const { clock, as, server, signInBoth, row } = world;
    await signInBoth();
    const [paused, other] = [server(), server()];
    await clock.advance(50 * SECOND_MS);
    as.failNext({ answer: { kind: "unknown", code: "reset", answered: false } });
    await stopInFlight(world, paused);
    const { deadlineAtMs } = (await row(ALICE)).intent!;
    await other.token(ALICE);
    await clock.advance(5 * SECOND_MS);
    expect(await row(ALICE)).toMatchObject({ fence: 2, lease: null });
    paused.thaw();
    await clock.settle();

    expect((await row(ALICE)).intent).toMatchObject({ outcome: "pending", deadlineAtMs });
  });

  it("and its old lease's late release does not take the new holder's away (X15, M4, I3)", async () => {
    const world = scenario({ lifetimeMs: MINUTE_MS });
    const { clock, as, server, signInBoth, row } = world;
    await signInBoth();
    const [paused, other, third] = [server(), server(), server()];
    await clock.advance(50 * SECOND_MS);
    as.failNext({ answer: { kind: "unknown", code: "http_503", answered: true } });
    await stopInFlight(world, paused);
    await clock.advance(30 * SECOND_MS);
    as.hold();
    void other.token(ALICE);
    await clock.settle();
    expect((await row(ALICE)).lease).toMatchObject({ holder: other.name });

    paused.thaw();
    await clock.settle();

    expect(await row(ALICE)).toMatchObject({
      lease: { holder: other.name, fence: 2 },
      intent: { holder: other.name, outcome: "pending" },
      backoff: null,
    });
    void third.token(ALICE);
    await clock.advance(2 * SECOND_MS);
    expect(as.sent).toHaveLength(2);
    as.release();
    await clock.advance(SECOND_MS);
    expect(await third.token(ALICE)).toBe("at.alice.2");
  });
});

describe("a server that waits for another's refresh", () => {
  it("adopts the result within a poll, and says so (F14, I1)", async () => {
    const { clock, as, server, signInBoth, eventsOf } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const [one, two] = [server(), server()];
    as.hold();
    await clock.advance(2 * MINUTE_MS);
    void one.token(ALICE);
    await clock.settle();
    const waiting = two.token(ALICE, { door: "page" });
    await clock.advance(3 * SECOND_MS);

    as.release();
    await clock.advance(150);

    expect(await isSettled(clock, waiting)).toBe(true);
    expect(await waiting).toBe("at.alice.2");
    expect(eventsOf("refresh_adopted")).toEqual([
      {
        type: "refresh_adopted",
        atMs: expect.any(Number),
        grantRef: "alice-grant-",
        provider: "keycloak",
        version: 2,
        door: "page",
      },
    ]);
  });

  it("is told at once when the grant ends meanwhile", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const [one, two] = [server(), server()];
    as.hold();
    await clock.advance(2 * MINUTE_MS);
    void one.token(ALICE);
    await clock.settle();
    const waiting = two.token(ALICE);
    await clock.advance(SECOND_MS);

    await one.manager.endGrant(ALICE, "signed_out", { revoke: true });
    await clock.advance(150);

    expect(await isSettled(clock, waiting)).toBe(true);
    expect(await waiting).toBe("reauthentication_required:signed_out");
    as.release();
    await clock.settle();
  });

  it("gives up in the end although a stale replica shows it a free lease for ever (I11, X27)", async () => {
    const { clock, server, signInBoth, store, row } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const replica = await row(ALICE);
    const stuck = server();
    stuck.store.answer("read", async () => ({ grant: replica, storeNowMs: clock.nowMs() }));
    await clock.advance(2 * MINUTE_MS);
    const hold = setHolder();
    const call = stuck.token(ALICE);
    await clock.advance(MINUTE_MS);
    hold.stop = true;

    expect(await call).toMatch(/^refresh_unavailable/);
    expect(stuck.shared.flights.size).toBe(0);

    function setHolder(): { stop: boolean } {
      const state = { stop: false };
      void (async () => {
        while (!state.stop) {
          await store.acquireLease(ALICE, {
            holder: "somebody",
            attemptId: "x",
            durationMs: 4_000,
            deadlineMs: 5_000,
          });
          await clock.sleep(1_000);
        }
      })();
      return state;
    }
  });

  it("may ask about a grant that is gone by then (X14, X30)", async () => {
    const { clock, as, server, signInBoth, store } = scenario({ lifetimeMs: MINUTE_MS });
    await signInBoth();
    const [one, two] = [server(), server()];
    as.hold();
    await clock.advance(2 * MINUTE_MS);
    void one.token(ALICE);
    await clock.settle();
    two.store.answer("read", async (id) =>
      two.store.count("read") > 1 ? undefined : store.read(id as string),
    );
    const waiting = two.token(ALICE);
    await clock.advance(200);

    expect(await waiting).toBe("reauthentication_required:missing");
    as.release();
    await clock.settle();
  });
});

describe("the lease of a refresh under way", () => {
  it("that cannot be renewed for a while is lost, told, and does not hinder the commit (X12, M5)", async () => {
    const { clock, as, server, signInBoth, row, eventsOf } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const one = server();
    one.store.break("renewLease", "fail");
    as.latencyMs = 20 * SECOND_MS;
    await clock.advance(50 * MINUTE_MS);
    await one.token(ALICE);
    await clock.advance(10 * SECOND_MS);
    expect((await row(ALICE)).lease!.untilMs).toBeLessThan(clock.nowMs());
    const two = server();
    await two.token(ALICE);
    await clock.settle();
    one.store.mend();
    await clock.advance(10 * SECOND_MS);

    expect((await row(ALICE)).version).toBe(2);
    expect(as.sent).toEqual(["rt.alice.1"]);
    expect(await two.token(ALICE)).toBe("at.alice.2");
    expect(eventsOf("store_failed").length).toBeGreaterThanOrEqual(9);
  });

  it("is told as lost when somebody else has it", async () => {
    const { clock, as, server, signInBoth, store, eventsOf } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    as.latencyMs = 20 * SECOND_MS;
    await clock.advance(50 * MINUTE_MS);
    const one = server();
    one.store.break("renewLease", "fail", 4);
    await one.token(ALICE);
    await clock.advance(4_100);
    await store.acquireLease(ALICE, { holder: "other", attemptId: "o", durationMs: 4_000, deadlineMs: 1 });
    await clock.advance(2 * SECOND_MS);

    expect(eventsOf("lease_lost")).toHaveLength(1);
    await clock.advance(20 * SECOND_MS);
    expect(await one.token(ALICE)).toBe("at.alice.2");
    expect((await store.read(ALICE))!.grant.lease).toMatchObject({ holder: "other" });
  });
});
