import { describe, expect, it } from "vitest";

import { ALICE, BOB, DAY_MS, HOUR_MS, MINUTE_MS, grantInput, scenario } from "./support/scenario.ts";

describe("the absolute end of a session", () => {
  it("is not moved by use: a thousand calls past it are refused, and none reaches the server (SEC-12)", async () => {
    const { clock, as, server, row } = scenario({ lifetimeMs: HOUR_MS });
    const { manager, token } = server({ absoluteLifetimeMs: DAY_MS, slidingLifetimeMs: 6 * HOUR_MS });
    await save(manager, ALICE, as.signIn("alice"));
    const end = clock.nowMs() + DAY_MS;
    for (let minute = 0; minute < 24 * 60; minute += 5) {
      expect(await token(ALICE)).toMatch(/^at\.alice/);
      await manager.view(ALICE);
      await clock.advance(5 * MINUTE_MS);
    }
    expect(clock.nowMs()).toBe(end);
    expect(await row(ALICE)).toMatchObject({ absoluteEndMs: end, slidingEndMs: end });
    const before = as.sent.length;

    for (let call = 0; call < 1_000; call++) {
      expect(await token(ALICE)).toBe("reauthentication_required:expired");
      expect(await manager.view(ALICE, { wait: true })).toMatchObject({ status: "ended", reason: "expired" });
    }
    expect(before).toBeGreaterThanOrEqual(24);
    expect(as.sent).toHaveLength(before);
  });

  it("holds for a refresh that is under way when it comes", async () => {
    const { clock, as, server, row } = scenario({ lifetimeMs: HOUR_MS });
    const { manager, token } = server({ absoluteLifetimeMs: HOUR_MS, slidingLifetimeMs: HOUR_MS });
    await save(manager, ALICE, as.signIn("alice"));
    as.latencyMs = 10 * MINUTE_MS;
    await clock.advance(59 * MINUTE_MS);
    await token(ALICE);
    await clock.advance(11 * MINUTE_MS);

    expect(await token(ALICE)).toBe("reauthentication_required:expired");
    expect((await row(ALICE)).slidingEndMs).toBe((await row(ALICE)).absoluteEndMs);
  });
});

describe("the sliding end of a session", () => {
  it("comes when nobody reads the session, and the row can be purged then (F28, SEC-12)", async () => {
    const { clock, as, server, store } = scenario({ lifetimeMs: HOUR_MS });
    const { manager, token } = server({ slidingLifetimeMs: 10 * DAY_MS });
    await save(manager, ALICE, as.signIn("alice"));
    await save(manager, BOB, as.signIn("bob"));
    await clock.advance(9 * DAY_MS);
    expect(await token(BOB)).toBe("at.bob.2");
    await clock.advance(DAY_MS);

    expect(await token(ALICE)).toBe("reauthentication_required:expired");
    expect(as.requestsOf("alice")).toBe(0);
    expect(await store.purge(10)).toBe(1);
    expect(await token(ALICE)).toBe("reauthentication_required:missing");
    expect(await token(BOB)).toBe("at.bob.3");
  });

  it("is moved by session reads past its half, by reads before it not at all, and by a commit", async () => {
    const { clock, as, server, row } = scenario({ lifetimeMs: 100 * DAY_MS });
    const { manager, store } = server({ slidingLifetimeMs: 10 * DAY_MS });
    await save(manager, ALICE, as.signIn("alice"));
    await save(manager, BOB, as.signIn("bob"));
    const bornMs = clock.nowMs();
    await clock.advance(5 * DAY_MS - 1);
    await manager.view(ALICE);
    await clock.settle();
    expect([store.count("slide"), (await row(ALICE)).slidingEndMs]).toEqual([0, bornMs + 10 * DAY_MS]);

    await clock.advance(1);
    await manager.view(ALICE);
    await clock.settle();
    expect((await row(ALICE)).slidingEndMs).toBe(bornMs + 15 * DAY_MS);
    expect((await row(BOB)).slidingEndMs).toBe(bornMs + 10 * DAY_MS);
    await manager.renewRejected(BOB, "at.bob.1");
    expect((await row(BOB)).slidingEndMs).toBe(bornMs + 15 * DAY_MS);
  });

  it("is not moved by getAccessToken alone: background work is no sign of a user (F29)", async () => {
    const { clock, as, server, row } = scenario({ lifetimeMs: 100 * DAY_MS });
    const { manager, token, store } = server({ slidingLifetimeMs: 10 * DAY_MS });
    await save(manager, ALICE, as.signIn("alice"));
    const { slidingEndMs } = await row(ALICE);
    await clock.advance(9 * DAY_MS);
    await token(ALICE);
    await clock.settle();

    expect([store.count("slide"), (await row(ALICE)).slidingEndMs]).toEqual([0, slidingEndMs]);
  });

  it("that cannot be moved hinders nobody", async () => {
    const { clock, as, server } = scenario({ lifetimeMs: 100 * DAY_MS });
    const { manager, store } = server({ slidingLifetimeMs: 10 * DAY_MS });
    await save(manager, ALICE, as.signIn("alice"));
    await clock.advance(9 * DAY_MS);
    store.break("slide", "fail");

    expect(await manager.view(ALICE)).toMatchObject({ status: "fresh" });
    await clock.settle();
  });
});

describe("a refresh token's own end", () => {
  it("that is known is told once the access token is gone, with a reason, and nothing is sent (F28)", async () => {
    const { clock, as, server, signIn } = scenario({ lifetimeMs: HOUR_MS });
    await signIn("alice", ALICE, { refreshTokenExpiresAtMs: clock.nowMs() + 30 * MINUTE_MS });
    const { token, manager } = server();
    await clock.advance(55 * MINUTE_MS);
    expect(await token(ALICE)).toBe("at.alice.1");
    expect(await manager.view(ALICE, { wait: true })).toMatchObject({ status: "fresh" });
    await clock.advance(5 * MINUTE_MS);

    expect(await token(ALICE)).toBe("reauthentication_required:no_refresh_token");
    expect(await manager.view(ALICE)).toMatchObject({ status: "ended", reason: "no_refresh_token" });
    expect(as.sent).toEqual([]);
  });

  it("before the access token's is refreshed for in time: the lead counts from the access token (F28)", async () => {
    const { clock, as, server, signIn } = scenario({ lifetimeMs: HOUR_MS });
    await signIn("alice", ALICE, { refreshTokenExpiresAtMs: clock.nowMs() + 52 * MINUTE_MS });
    const { token } = server();
    await clock.advance(51 * MINUTE_MS);
    await token(ALICE);
    await clock.settle();

    expect(as.sent).toEqual(["rt.alice.1"]);
  });
});

describe("a grant that cannot be refreshed", () => {
  it.each([
    ["has no refresh token", { refreshToken: undefined as never }],
    ["has one whose own end has passed", { refreshTokenExpiresAtMs: Date.UTC(2026, 0, 1) + MINUTE_MS }],
  ])(
    "because it %s tells an idle tab to come back when the access token ends, and no sooner (F33)",
    async (_why, overrides) => {
      const { clock, server, signIn } = scenario({ lifetimeMs: HOUR_MS });
      await signIn("alice", ALICE, overrides);
      const { manager } = server();
      await clock.advance(2 * MINUTE_MS);

      for (const leftMs of [58 * MINUTE_MS, 7 * MINUTE_MS, 5 * MINUTE_MS, 20_000, 1_000]) {
        await clock.advance(Date.UTC(2026, 0, 1) + HOUR_MS - leftMs - clock.nowMs());
        const view = await manager.view(ALICE, { wait: true });
        expect(view).toMatchObject({ status: "fresh", expiresInMs: leftMs, askInMs: leftMs });
      }

      await clock.advance(1_000);
      expect(await manager.view(ALICE)).toMatchObject({ status: "ended", reason: "no_refresh_token" });
    },
  );
});

describe("a grant without refresh token or known end", () => {
  it("is handed out for as long as the session lives, and never refreshed (F45)", async () => {
    const { clock, as, server } = scenario();
    const { manager, token } = server();
    const signedIn = as.signIn("alice");
    const { refreshToken: _, expiresAtMs: __, ...endless } = signedIn;
    await save(manager, ALICE, endless);
    for (let day = 0; day < 29; day++) await clock.advance(DAY_MS);

    expect(await manager.getAccessToken(ALICE)).toEqual({
      accessToken: "at.alice.1",
      tokenType: "Bearer",
      provider: "keycloak",
      version: 1,
      grantRef: "alice-grant-",
    });
    expect(await manager.view(ALICE, { withAccessToken: true })).toEqual({
      status: "fresh",
      grantRef: "alice-grant-",
      accessToken: "at.alice.1",
    });
    expect(await token(ALICE, { minValidityMs: DAY_MS })).toBe("at.alice.1");
    expect(await manager.renewRejected(ALICE, "at.alice.1")).toBeUndefined();
    expect(as.sent).toEqual([]);
  });
});

async function save(
  manager: ReturnType<ReturnType<typeof scenario>["server"]>["manager"],
  id: string,
  tokenSet: Parameters<typeof grantInput>[2],
): Promise<void> {
  expect(await manager.saveGrant(grantInput(id, tokenSet.accessToken.split(".")[1]!, tokenSet))).toBe(true);
}

describe("the end of a sign-in that a session read tells", () => {
  const endsInMs = async (given: {
    refreshTokenMs?: number;
    absoluteMs?: number;
    lifetimeMs?: number;
    afterMs?: number;
    hasRefreshToken?: boolean;
  }): Promise<number | undefined> => {
    const { clock, as, server } = scenario({ lifetimeMs: given.lifetimeMs ?? HOUR_MS });
    const { manager } = server({ absoluteLifetimeMs: given.absoluteMs ?? 365 * DAY_MS });
    const { refreshToken, ...tokens } = as.signIn("alice");
    await save(manager, ALICE, {
      ...tokens,
      ...(given.hasRefreshToken !== false && refreshToken !== undefined && { refreshToken }),
      ...(given.refreshTokenMs !== undefined && {
        refreshTokenExpiresAtMs: clock.nowMs() + given.refreshTokenMs,
      }),
    });
    await clock.advance(given.afterMs ?? 0);
    const view = await manager.view(ALICE, { mayRefresh: false });
    return "endsInMs" in view ? view.endsInMs : undefined;
  };

  it.each([
    ["is not told where nobody knows it", {}, undefined],
    ["is not told where it is more than 24 days away", { absoluteMs: 24 * DAY_MS + 1 }, undefined],
    ["is the absolute one", { absoluteMs: 24 * DAY_MS }, 24 * DAY_MS],
    ["is counted from the answer", { absoluteMs: DAY_MS, afterMs: MINUTE_MS }, DAY_MS - MINUTE_MS],
    ["is that of the refresh token where it comes first", { refreshTokenMs: 2 * HOUR_MS }, 2 * HOUR_MS],
    ["is the absolute one where that comes first", { refreshTokenMs: DAY_MS, absoluteMs: HOUR_MS }, HOUR_MS],
    ["is that of the last access token where it lives longer", { refreshTokenMs: MINUTE_MS }, HOUR_MS],
    [
      "is that of the last access token once the refresh token is over",
      { refreshTokenMs: MINUTE_MS, afterMs: 2 * MINUTE_MS },
      HOUR_MS - 2 * MINUTE_MS,
    ],
    ["is that of the access token where nothing can renew it", { hasRefreshToken: false }, HOUR_MS],
  ] as const)("%s (F28)", async (_, given, expected) => {
    expect(await endsInMs(given)).toBe(expected);
  });

  it("moves with a refresh that brings a refresh token of longer life (F28)", async () => {
    const { clock, as, server, signIn } = scenario({ lifetimeMs: HOUR_MS });
    await signIn("alice", ALICE, { refreshTokenExpiresAtMs: clock.nowMs() + 2 * HOUR_MS });
    const { manager } = server();
    await clock.advance(59 * MINUTE_MS);
    as.overrides = { refreshTokenExpiresAtMs: clock.nowMs() + 3 * HOUR_MS };

    expect(await manager.view(ALICE, { wait: true })).toMatchObject({ endsInMs: 3 * HOUR_MS });
  });
});
