import { describe, expect, it } from "vitest";

import {
  ALICE,
  BOB,
  HOUR_MS,
  MINUTE_MS,
  SECOND_MS,
  isSettled,
  outcomeOf,
  scenario,
  type Server,
} from "./support/scenario.ts";

type Ask = Parameters<Server["manager"]["renewToken"]>[1];

function renewed({ manager }: Server, id: string, ask: Ask = {}): Promise<string> {
  return outcomeOf(manager.renewToken(id, ask).then(({ accessToken }) => accessToken));
}

describe("a forced renewal", () => {
  it("by twenty callers at once on two servers is one request, and all get the new token (F39, I1)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    as.latencyMs = SECOND_MS;
    const servers = [server(), server()];
    await clock.advance(10 * MINUTE_MS);

    const calls = Array.from({ length: 20 }, (_, index) => renewed(servers[index % 2]!, ALICE));
    await clock.advance(2 * SECOND_MS);

    expect(await Promise.all(calls)).toEqual(Array.from({ length: 20 }, () => "at.alice.2"));
    expect(as.sent).toEqual(["rt.alice.1"]);
    expect(await servers[0]!.token(BOB)).toBe("at.bob.1");
  });

  it("is one request also where no token is too young: who finds another token is content with it (F39, I1)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    as.latencyMs = SECOND_MS;
    const servers = [server({ minForcedAgeMs: 0 }), server({ minForcedAgeMs: 0 })];

    const calls = Array.from({ length: 20 }, (_, index) => renewed(servers[index % 2]!, ALICE));
    await clock.advance(4 * SECOND_MS);

    expect(await Promise.all(calls)).toEqual(Array.from({ length: 20 }, () => "at.alice.2"));
    expect(as.sent).toEqual(["rt.alice.1"]);
  });

  it.each([
    ["30 s", HOUR_MS, 29 * SECOND_MS, 30 * SECOND_MS],
    ["a quarter of its life", MINUTE_MS, 14 * SECOND_MS, 15 * SECOND_MS],
  ])("leaves a token younger than %s as it is (SEC-71)", async (_, lifetimeMs, youngMs, oldMs) => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs });
    await signInBoth();
    const one = server();
    await clock.advance(youngMs);
    expect(await renewed(one, ALICE)).toBe("at.alice.1");
    await clock.advance(oldMs - youngMs);

    expect(await renewed(one, ALICE)).toBe("at.alice.2");
    expect(await renewed(one, ALICE)).toBe("at.alice.2");
    expect(as.sent).toEqual(["rt.alice.1"]);
  });

  it("asked for each second makes a bounded number of requests (SEC-71)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const servers = [server(), server()];
    for (let second = 0; second < 300; second++) {
      await clock.advance(SECOND_MS);
      for (const each of servers) expect(await renewed(each, ALICE)).toMatch(/^at\.alice\./);
    }

    expect(as.sent).toHaveLength(10);
    expect(as.replayed).toEqual([]);
  });

  it("never comes of a prefetch: that gets the token in hand (SEC-26)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const one = server();
    await clock.advance(59 * MINUTE_MS);

    expect(await renewed(one, ALICE, { mayRefresh: false })).toBe("at.alice.1");
    await clock.advance(SECOND_MS);
    expect(as.sent).toEqual([]);
  });

  it("renews an expired token as any call does", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    await clock.advance(2 * HOUR_MS);

    expect(await renewed(server(), ALICE)).toBe("at.alice.2");
    expect(as.sent).toEqual(["rt.alice.1"]);
  });

  it("of a token for another API renews that one only", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const one = server();
    const target = { audience: "orders" };
    await clock.advance(10 * MINUTE_MS);

    const first = await renewed(one, ALICE, { target });
    await clock.advance(MINUTE_MS);
    const second = await renewed(one, ALICE, { target });

    expect(new Set([first, second, "at.alice.1"]).size).toBe(3);
    expect(as.sent).toHaveLength(2);
    expect(await one.token(ALICE)).toBe("at.alice.1");
  });

  it("is refused where nothing can renew the token, although it is still good", async () => {
    const { clock, as, server, signIn } = scenario({ lifetimeMs: HOUR_MS });
    await signIn("carol", ALICE, { refreshTokenExpiresAtMs: clock.nowMs() + MINUTE_MS });
    const one = server();
    await clock.advance(10 * MINUTE_MS);

    expect(await renewed(one, ALICE)).toBe("reauthentication_required:no_refresh_token");
    expect(await one.token(ALICE)).toBe("at.carol.1");
    expect(as.sent).toEqual([]);
  });

  it("says that it failed, although the token in hand is still good, and tries again when asked again", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const one = server();
    await clock.advance(10 * MINUTE_MS);
    as.failNext({ answer: { kind: "unknown", code: "http_503", answered: true } });

    expect(await renewed(one, ALICE, { maxWaitMs: 100 })).toBe("refresh_unavailable:http_503");
    expect(await one.token(ALICE)).toBe("at.alice.1");
    await clock.advance(MINUTE_MS);
    expect(await renewed(one, ALICE)).toBe("at.alice.2");
  });

  it("waits no longer than maxWaitMs, and the renewal goes on behind it (I11)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const one = server();
    as.hold();
    await clock.advance(10 * MINUTE_MS);

    const call = renewed(one, ALICE, { maxWaitMs: 700 });
    await clock.advance(699);
    expect(await isSettled(clock, call)).toBe(false);
    await clock.advance(1);

    expect(await call).toBe("refresh_unavailable:waiting");
    as.release();
    await clock.settle();
    expect(await one.token(ALICE)).toBe("at.alice.2");
    expect(as.sent).toEqual(["rt.alice.1"]);
  });

  it("tells that the grant has ended, is unknown, or that the store is away", async () => {
    const { clock, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const one = server();
    await clock.advance(10 * MINUTE_MS);
    await one.manager.endGrant(BOB, "signed_out", { revoke: false });
    await one.token(ALICE);

    expect(await renewed(one, BOB)).toBe("reauthentication_required:signed_out");
    expect(await renewed(one, "k1.nobody")).toBe("reauthentication_required:missing");
    one.store.breakAll("fail");
    expect(await renewed(one, ALICE)).toBe("store_failed");
  });

  it("that the authorization server refuses ends the grant", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const one = server();
    await clock.advance(10 * MINUTE_MS);
    as.failNext({ answer: { kind: "rejected", code: "invalid_grant" } });

    expect(await renewed(one, ALICE)).toBe("reauthentication_required:rejected");
    expect(await one.token(BOB)).toBe("at.bob.1");
  });

  it("costs one request where the server issues the same token again, even without a least age (SEC-71)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    await signInBoth();
    const one = server({ minForcedAgeMs: 0 });
    as.overrides = { accessToken: "at.alice.1" };
    await clock.advance(10 * MINUTE_MS);

    expect(await renewed(one, ALICE)).toBe("at.alice.1");
    expect(as.sent).toEqual(["rt.alice.1"]);
  });

  it.each([{ minValidityMs: -1 }, { maxWaitMs: Number.NaN }])("refuses %j", async (ask) => {
    const { server, signInBoth } = scenario();
    await signInBoth();

    expect(await renewed(server(), ALICE, ask)).toBe(`invalid_option:${Object.keys(ask)[0]}`);
  });
});
