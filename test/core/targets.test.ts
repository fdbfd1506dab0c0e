import { describe, expect, it } from "vitest";

import type { RotationPolicy } from "../../src/core/rotation.ts";
import { MAX_TARGETS, targetKeyOf, type TokenTarget } from "../../src/core/token-target.ts";
import {
  ALICE,
  BOB,
  HOUR_MS,
  MINUTE_MS,
  SECOND_MS,
  boxSealer,
  isSettled,
  outcomeOf,
  scenario,
  type Scenario,
  type Server,
} from "./support/scenario.ts";

const CALENDAR: TokenTarget = { resource: "calendar" };
const MAIL: TokenTarget = { audience: "mail" };
const FILES: TokenTarget = { scope: "files:read" };
const DYING: RotationPolicy = { class: "strict", graceMs: 0, accessTokensDie: true };

async function signedIn(lifetimeMs = HOUR_MS): Promise<Scenario & { one: Server; two: Server }> {
  const world = scenario({ lifetimeMs });
  await world.signInBoth();
  return { ...world, one: world.server(), two: world.server() };
}

/** The token that an API has rejected, renewed: the newer one, or `undefined`. */
async function renewed(server: Server, id: string, rejected: string, target?: TokenTarget): Promise<unknown> {
  const ask = target === undefined ? {} : { target };
  const issued = await server.manager.renewRejected(id, rejected, ask);
  return issued?.accessToken;
}

describe("access tokens for several targets out of one refresh token", () => {
  it("are fetched one after the other, and each caller gets its own (M19, I1, I8)", async () => {
    const { clock, as, one, eventsOf } = await signedIn();
    as.latencyMs = 200;
    await clock.advance(2 * HOUR_MS);

    const calls = Promise.all([
      one.token(ALICE),
      one.token(ALICE, { target: CALENDAR }),
      one.token(ALICE, { target: MAIL }),
      one.token(ALICE, { target: FILES }),
      one.token(ALICE, { target: CALENDAR }),
    ]);
    await clock.advance(3 * SECOND_MS);

    expect((await calls).map((token) => token.replace(/\d/, "N"))).toEqual([
      "at.alice.N",
      "at.alice.N@calendar",
      "at.alice.N@mail",
      "at.alice.N@files:read",
      "at.alice.N@calendar",
    ]);
    expect([as.maxInFlight, as.sent]).toEqual([1, ["rt.alice.1", "rt.alice.2", "rt.alice.3", "rt.alice.4"]]);
    expect([as.replayed, eventsOf("candidate_kept")]).toEqual([[], []]);
  });

  it("are fetched one after the other by two processes as well, for each user (M19, I1, I8)", async () => {
    const { clock, as, one, two } = await signedIn();
    as.latencyMs = 150;
    await clock.advance(2 * HOUR_MS);

    const calls = [one, two].flatMap((server) =>
      [ALICE, BOB].flatMap((id) =>
        [undefined, CALENDAR, MAIL].map((target) => server.token(id, target && { target })),
      ),
    );
    await clock.advance(4 * SECOND_MS);
    const answers = await Promise.all(calls);

    // One process's answers are the other's, and nobody has anybody else's.
    expect(answers.slice(6)).toEqual(answers.slice(0, 6));
    expect(answers.slice(0, 6).map((token) => token.replace(/\d/, "N"))).toEqual([
      ...["at.alice.N", "at.alice.N@calendar", "at.alice.N@mail"],
      ...["at.bob.N", "at.bob.N@calendar", "at.bob.N@mail"],
    ]);
    expect([as.requestsOf("alice"), as.requestsOf("bob"), as.replayed]).toEqual([3, 3, []]);
    // Two users at once, but never two requests of one.
    expect(as.maxInFlight).toBeLessThanOrEqual(2);
  });

  it("are asked for as the caller said, and the sign-in's own without any target", async () => {
    const { clock, as, one } = await signedIn();
    const target: TokenTarget = { resource: "https://api.example", audience: "api", scope: "b a" };
    await one.token(ALICE, { target });
    await clock.advance(2 * HOUR_MS);
    await one.token(ALICE);

    expect(as.targets).toEqual([target, undefined]);
  });

  it("are the same for equal targets, whatever the order of their scopes (I1)", async () => {
    const { as, one } = await signedIn();
    const answers = [
      await one.token(ALICE, { target: { scope: "files:read files:write" } }),
      await one.token(ALICE, { target: { scope: " files:write  files:read files:write" } }),
    ];

    expect(new Set(answers).size).toBe(1);
    expect(as.sent).toHaveLength(1);
    expect(targetKeyOf({})).toBeUndefined();
    expect(new Set([{ resource: "a" }, { audience: "a" }, { scope: "a" }].map(targetKeyOf)).size).toBe(3);
  });

  it("leave the sign-in's own token as it is, with its own expiry and scope (I9)", async () => {
    const { clock, as, one } = await signedIn();
    const before = await one.manager.getAccessToken(ALICE);
    await clock.advance(20 * MINUTE_MS);
    const files = await one.manager.getAccessToken(ALICE, { target: FILES });
    const after = await one.manager.getAccessToken(ALICE);

    expect(files).toMatchObject({ accessToken: "at.alice.2@files:read", scope: "files:read", version: 2 });
    expect(files.expiresAtMs! - before.expiresAtMs!).toBe(20 * MINUTE_MS);
    expect(after).toEqual({ ...before, version: 2 });
    // The sign-in's own is due by its own time, not by that of the last refresh.
    await clock.advance(31 * MINUTE_MS);
    await one.token(ALICE);
    await clock.settle();
    expect(as.targets).toEqual([FILES, undefined]);
  });

  it("are handed out while they are good, and renewed in the background when they are due (I9, S7)", async () => {
    const { clock, as, one, two } = await signedIn();
    await clock.advance(30 * MINUTE_MS);
    await one.token(ALICE, { target: MAIL });
    for (const minutes of [5, 14]) {
      await clock.advance(minutes * MINUTE_MS);
      expect(await two.token(ALICE, { target: MAIL })).toBe("at.alice.2@mail");
    }
    expect(as.sent).toHaveLength(1);

    // 20 minutes on the sign-in's own is due, and 51 minutes on that of the mail is.
    await clock.advance(32 * MINUTE_MS);
    const target = MAIL;
    expect(await two.token(ALICE, { target })).toBe("at.alice.2@mail");
    await clock.settle();
    expect(await one.token(ALICE, { target })).toBe("at.alice.3@mail");
    expect(as.targets).toEqual([MAIL, MAIL]);
  });

  it("survive a refresh of the sign-in's own token, and go when they have expired", async () => {
    const { clock, as, one, row } = await signedIn();
    await one.token(ALICE, { target: CALENDAR });
    await clock.advance(50 * MINUTE_MS);
    await one.token(ALICE, { target: MAIL });
    await one.token(ALICE);
    await clock.settle();
    expect(as.targets).toEqual([CALENDAR, MAIL, undefined]);

    expect(await one.token(ALICE, { target: MAIL })).toBe("at.alice.3@mail");
    await clock.advance(30 * MINUTE_MS);
    await one.token(ALICE, { target: FILES });
    const { sealedTokenSet, version } = await row(ALICE);
    const stored = boxSealer().open(sealedTokenSet, { grantId: ALICE, field: "token-set", version });
    expect(stored.match(/at\.alice\.\d@\w+/g)).toEqual(["at.alice.3@mail", "at.alice.5@files"]);
    expect(await one.token(ALICE, { target: CALENDAR })).toBe("at.alice.6@calendar");
    expect(as.replayed).toEqual([]);
  });

  it("are kept for eight targets; the one that was renewed longest ago goes first", async () => {
    const { as, one } = await signedIn();
    const targets = Array.from({ length: MAX_TARGETS + 1 }, (_, index) => ({ resource: `api-${index}` }));
    expect(MAX_TARGETS).toBe(8);
    for (const target of targets) await one.token(ALICE, { target });
    expect(as.sent).toHaveLength(9);

    for (const target of targets.slice(1)) await one.token(ALICE, { target });
    expect(as.sent).toHaveLength(9);
    expect(await one.token(ALICE, { target: targets[0]! })).toBe("at.alice.11@api-0");
    expect(await one.token(ALICE, { target: targets[2]! })).toBe("at.alice.4@api-2");
    expect(await one.token(ALICE, { target: targets[1]! })).toBe("at.alice.12@api-1");
  });

  it("are kept by when they were renewed, not by when they were first asked for", async () => {
    const { clock, as, one } = await signedIn();
    const target = (index: number): TokenTarget => ({ resource: `api-${index}` });
    for (let index = 0; index < 3; index++) await one.token(ALICE, { target: target(index) });
    await clock.advance(10 * MINUTE_MS);
    expect(await renewed(one, ALICE, "at.alice.2@api-0", target(0))).toBe("at.alice.5@api-0");
    for (let index = 3; index <= MAX_TARGETS; index++) await one.token(ALICE, { target: target(index) });
    const sent = as.sent.length;

    expect(await one.token(ALICE, { target: target(0) })).toBe("at.alice.5@api-0");
    expect(as.sent).toHaveLength(sent);
    expect(await one.token(ALICE, { target: target(1) })).not.toBe("at.alice.3@api-1");
  });

  it("are adopted from a process that was faster, even if the sign-in's own has expired (F14, I1)", async () => {
    const { clock, as, one, two, eventsOf } = await signedIn();
    await clock.advance(2 * HOUR_MS);
    two.store.break("read", 300, 1);
    const slow = two.token(ALICE, { target: CALENDAR });
    await clock.settle();
    expect(await one.token(ALICE, { target: CALENDAR })).toBe("at.alice.2@calendar");
    await clock.advance(300);

    expect(await slow).toBe("at.alice.2@calendar");
    expect([as.sent.length, eventsOf("refresh_adopted").length]).toEqual([1, 1]);
  });

  it("all end with the sign-out, the one that is on its way too (I7, I16, TL4)", async () => {
    const { clock, as, one, two, row } = await signedIn();
    await one.token(ALICE, { target: CALENDAR });
    as.hold();
    const call = one.token(ALICE, { target: MAIL });
    await clock.settle();
    await two.manager.endGrant(ALICE, "signed_out", { revoke: true });
    as.release();
    await clock.advance(SECOND_MS);

    expect(await call).toBe("reauthentication_required:signed_out");
    for (const target of [CALENDAR, MAIL, FILES]) {
      expect(await one.token(ALICE, { target })).toBe("reauthentication_required:signed_out");
    }
    expect([as.revoked, as.liveRefreshTokens("alice")]).toEqual([["rt.alice.2", "rt.alice.3"], []]);
    expect(await row(ALICE)).toMatchObject({ state: "ended", sealedTokenSet: "" });
    expect(await two.token(BOB, { target: MAIL })).toBe("at.bob.2@mail");
  });

  it("survive a store that is away: the newest refresh token is spent first, not an old one (I5, S4)", async () => {
    const { clock, as, one, row } = await signedIn();
    one.store.break("commit", "fail");
    const calendar = one.token(ALICE, { target: CALENDAR, maxWaitMs: 30 * SECOND_MS });
    await clock.advance(15 * SECOND_MS);
    expect([await calendar, (await row(ALICE)).version]).toEqual(["at.alice.2@calendar", 1]);
    const early = one.token(ALICE, { target: MAIL });
    await clock.advance(6 * SECOND_MS);
    expect(await early).toBe("refresh_unavailable:store_failed");
    expect(await one.token(ALICE, { target: CALENDAR })).toBe("at.alice.2@calendar");

    one.store.mend();
    const mail = one.token(ALICE, { target: MAIL });
    await clock.advance(2 * SECOND_MS);
    expect(await mail).toBe("at.alice.3@mail");
    expect([as.sent, as.replayed]).toEqual([["rt.alice.1", "rt.alice.2"], []]);
  });
});

describe("a server that says invalid_grant of a target", () => {
  it("is asked once more without it: the user stays signed in, and only the target is refused for a while (I6)", async () => {
    const { clock, as, one, row } = await signedIn();
    as.failNext({ answer: { kind: "rejected", code: "invalid_grant" } });

    expect(await one.token(ALICE, { target: MAIL })).toBe("refresh_unavailable:invalid_grant");
    expect(as.targets).toEqual([MAIL, undefined]);
    expect(await row(ALICE)).toMatchObject({ state: "live", version: 2 });
    expect(await one.token(ALICE, { target: MAIL })).toBe("refresh_unavailable:invalid_grant");
    expect(as.sent).toHaveLength(2);
    expect([await one.token(ALICE), await one.token(BOB)]).toEqual(["at.alice.2", "at.bob.1"]);

    await clock.advance(MINUTE_MS);
    expect(await one.token(ALICE, { target: MAIL })).toBe("at.alice.3@mail");
  });

  it("and of the refresh token too ends the grant (I6)", async () => {
    const { as, one, row } = await signedIn();
    as.killFamily("alice");

    expect(await one.token(ALICE, { target: MAIL })).toBe("reauthentication_required:rejected");
    expect(as.targets).toEqual([MAIL, undefined]);
    expect([(await row(ALICE)).state, (await row(BOB)).state]).toEqual(["ended", "live"]);
  });
});

describe("a caller that joins a refresh for another target", () => {
  it("starts over for what it wants, also if that is the sign-in's own token (I11, I20)", async () => {
    const { clock, as, one } = await signedIn();
    await clock.advance(2 * HOUR_MS);
    as.hold();
    const calendar = one.token(ALICE, { target: CALENDAR });
    await clock.settle();
    const own = one.token(ALICE);
    await clock.settle();
    as.release();
    await clock.advance(SECOND_MS);

    expect([await calendar, await own]).toEqual(["at.alice.2@calendar", "at.alice.3"]);
    expect(as.sent).toEqual(["rt.alice.1", "rt.alice.2"]);
  });

  it("does not refresh again and again where the answers are worth nothing on arrival (I10)", async () => {
    const { clock, as, one } = await signedIn(MINUTE_MS);
    await clock.advance(2 * MINUTE_MS);
    as.lifetimeMs = -SECOND_MS;
    const calls = [undefined, CALENDAR].map((target) => one.token(ALICE, target && { target }));
    await clock.advance(6 * SECOND_MS);

    expect(await Promise.all(calls)).toEqual(Array(2).fill(expect.stringMatching(/^refresh_unavailable/)));
    expect(as.sent.length).toBeLessThanOrEqual(4);
  });
});

describe("a token for another target", () => {
  it("may be asked for with a minimum of life before there is any (I9)", async () => {
    const { as, one } = await signedIn();
    const ask = { target: CALENDAR, minValidityMs: 20 * MINUTE_MS };

    expect(await one.token(ALICE, ask)).toBe("at.alice.2@calendar");
    expect(await one.token(ALICE, ask)).toBe("at.alice.2@calendar");
    expect(as.sent).toHaveLength(1);
  });

  it("that could never live as long as it was asked to is refused, with the life that it has (F27, F38)", async () => {
    const { as, one } = await signedIn(MINUTE_MS);
    const ask = { target: CALENDAR, minValidityMs: HOUR_MS };

    expect(await one.token(ALICE, ask)).toBe("invalid_option:minValidityMs");
    expect(await one.token(ALICE, ask)).toBe("invalid_option:minValidityMs");
    expect(as.sent).toHaveLength(1);
  });

  it("is not fetched for a prefetch, only handed out if it is there (I10)", async () => {
    const { as, one } = await signedIn();
    const ask = { target: CALENDAR, mayRefresh: false };
    expect(await one.token(ALICE, ask)).toBe("refresh_unavailable:prefetch");
    expect(as.sent).toEqual([]);

    await one.token(ALICE, { target: CALENDAR });
    expect(await one.token(ALICE, ask)).toBe("at.alice.2@calendar");
  });

  it("is never another target's while it cannot be had: the call says so (I8)", async () => {
    const { clock, as, one } = await signedIn();
    as.failAlways({ answer: { kind: "not_sent", code: "ECONNREFUSED" } });
    const call = one.token(ALICE, { target: CALENDAR });
    await clock.advance(6 * SECOND_MS);

    expect(await call).toBe("refresh_unavailable:ECONNREFUSED");
    expect(await one.token(ALICE)).toBe("at.alice.1");
  });

  it("does not risk the chain: after a lost answer at a strict server it waits like every other (S6, I12)", async () => {
    const { clock, as, one, two } = await signedIn();
    as.failNext({ answer: { kind: "unknown", code: "reset", answered: false }, commits: false });
    for (const { token } of [one, two, one]) {
      const call = token(ALICE, { target: CALENDAR });
      await clock.advance(6 * SECOND_MS);
      expect(await call).toMatch(/^refresh_unavailable/);
    }
    await clock.advance(5 * MINUTE_MS);
    const call = two.token(ALICE, { target: MAIL });
    await clock.advance(6 * SECOND_MS);
    expect(await call).toBe("refresh_unavailable:unresolved_refresh");

    expect(as.sent).toEqual(["rt.alice.1"]);
    expect(await one.token(ALICE)).toBe("at.alice.1");
  });

  it("is asked for again within the window, as the same target (S1)", async () => {
    const { clock, as, server } = await signedIn();
    as.rotation = "grace_forks";
    as.graceMs = 30 * SECOND_MS;
    const three = server({ rotationOf: () => ({ class: "grace", graceMs: 30_000 }) });
    as.failNext({ answer: { kind: "unknown", code: "reset", answered: false }, commits: true });
    const call = three.token(ALICE, { target: CALENDAR });
    await clock.advance(2 * SECOND_MS);

    expect(await call).toBe("at.alice.3@calendar");
    expect(as.targets).toEqual([CALENDAR, CALENDAR]);
  });
});

describe("a token for another target that an API has rejected", () => {
  it("is renewed, and no other token with it (SEC-71)", async () => {
    const { clock, as, one, two } = await signedIn();
    const old = await one.token(ALICE, { target: CALENDAR });
    await one.token(ALICE, { target: MAIL });
    await clock.advance(10 * MINUTE_MS);

    expect(await renewed(two, ALICE, old, CALENDAR)).toBe("at.alice.4@calendar");
    expect(await one.token(ALICE, { target: MAIL })).toBe("at.alice.3@mail");
    expect(await one.token(ALICE)).toBe("at.alice.1");
    expect(await renewed(one, ALICE, old, CALENDAR)).toBe("at.alice.4@calendar");
    expect(as.targets).toEqual([CALENDAR, MAIL, CALENDAR]);
  });

  it("is not renewed moments after it was issued (SEC-71, I10)", async () => {
    const { clock, as, one } = await signedIn();
    await clock.advance(10 * MINUTE_MS);
    const young = await one.token(ALICE, { target: CALENDAR });

    expect(await renewed(one, ALICE, young, CALENDAR)).toBeUndefined();
    expect(as.sent).toHaveLength(1);
  });

  it("is renewed also while this process refreshes for another target, or another process does (I1)", async () => {
    for (const others of ["one", "two"] as const) {
      const world = await signedIn();
      const { clock, as, one } = world;
      const old = await one.token(ALICE, { target: CALENDAR });
      await clock.advance(10 * MINUTE_MS);
      as.hold();
      const mail = world[others].token(ALICE, { target: MAIL });
      await clock.settle();
      const call = renewed(one, ALICE, old, CALENDAR);
      await clock.settle();
      as.release();
      await clock.advance(SECOND_MS);

      expect([others, await mail]).toEqual([others, "at.alice.3@mail"]);
      expect([others, await call]).toEqual([others, "at.alice.4@calendar"]);
      expect(as.replayed).toEqual([]);
    }
  });
});

describe("where a refresh kills the access tokens of before", () => {
  async function dying(): Promise<Scenario & { one: Server }> {
    const world = scenario({ lifetimeMs: HOUR_MS });
    await world.signInBoth();
    return { ...world, one: world.server({ rotationOf: () => DYING }) };
  }

  it("no dead one is handed out, neither the sign-in's own nor another target's (X45, I9)", async () => {
    const { as, one, clock } = await dying();
    await clock.advance(10 * MINUTE_MS);

    expect(await one.token(ALICE, { target: CALENDAR })).toBe("at.alice.2@calendar");
    expect(await one.token(ALICE)).toBe("at.alice.3");
    expect(await one.token(ALICE, { target: CALENDAR })).toBe("at.alice.4@calendar");
    expect(await one.token(ALICE, { target: MAIL })).toBe("at.alice.5@mail");
    expect(await one.token(ALICE, { target: CALENDAR })).toBe("at.alice.6@calendar");
    expect([as.sent.length, as.replayed]).toEqual([5, []]);
    expect(await one.token(BOB)).toBe("at.bob.1");
  });

  it("a minimum of life counts from the life of a whole token, not from what the dead one had (X45, F27)", async () => {
    const { clock, one } = await dying();
    await clock.advance(10 * SECOND_MS);
    await one.token(ALICE, { target: CALENDAR });

    const call = outcomeOf(
      one.manager
        .getAccessToken(ALICE, { minValidityMs: 5 * MINUTE_MS })
        .then((issued) => issued.accessToken),
    );
    expect(await isSettled(clock, call)).toBe(true);
    expect(await call).toBe("at.alice.3");
  });

  it("an API's rejection of the dead one brings a new one, however young it was (X45, SEC-71)", async () => {
    const { clock, one } = await dying();
    const [own, calendar] = ["at.alice.1", await one.token(ALICE, { target: CALENDAR })];
    await clock.advance(5 * SECOND_MS);

    expect(await renewed(one, ALICE, own)).toBe("at.alice.3");
    expect(await renewed(one, ALICE, calendar, CALENDAR)).toBe("at.alice.4@calendar");
  });
});
