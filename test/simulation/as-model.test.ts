/** The authorization server of the simulation answers a second use as each class of the requirements says. */
import { describe, expect, it } from "vitest";

import { AuthorizationServer, NOT_ATOMIC_MS } from "../../simulation/as-model.ts";
import type { AsClass } from "../../simulation/fault-types.ts";

function server(asClass: AsClass, graceMs = 0, revokesOldAccessToken = false) {
  let nowMs = 1_000_000;
  const as = new AuthorizationServer(() => nowMs, {
    asClass,
    graceMs,
    lifetimeMs: 60_000,
    revokesOldAccessToken,
  });
  const response = as.signIn("alice", "alice");
  as.signIn("bob", "bob");
  return {
    as,
    first: response.refresh_token as string,
    accessToken: response.access_token as string,
    pass: (ms: number) => (nowMs += ms),
  };
}

describe("a refresh token that is used a second time", () => {
  it.each([
    ["P0", 0, "same"],
    ["P1", 0, "rotated"],
    ["P2", 30_000, "again"],
    ["P3", 30_000, "again"],
    ["P4", 30_000, "again"],
    ["P5", 0, "refused"],
    ["P6", 0, "alarm"],
    ["P7", 0, "alarm"],
  ] as const)("is answered at %s (window %i ms) with %s", (asClass, graceMs, verdict) => {
    const { as, first, pass } = server(asClass, graceMs);
    as.judge(first);
    pass(NOT_ATOMIC_MS + 1);

    expect(as.judge(first).verdict).toBe(verdict);
    expect(as.families.get("bob")?.ended).toBeUndefined();
  });

  it.each(["P2", "P3", "P4"] as const)("ends the family at %s after the window", (asClass) => {
    const { as, first, pass } = server(asClass, 10_000);
    const second = as.judge(first).issued!.refreshToken;
    pass(10_001);

    expect(as.accepts(second)).toBe(true);
    expect(as.judge(first).verdict).toBe("alarm");
    expect(as.accepts(second)).toBe(false);
  });

  it("brings the same successor at P2, and only while that is unused", () => {
    const { as, first } = server("P2", 30_000);
    const second = as.judge(first).issued!.refreshToken;

    expect(as.judge(first).issued?.refreshToken).toBe(second);
    as.judge(second);
    expect(as.judge(first).verdict).toBe("alarm");
  });

  it("leaves both pairs good at P3, and only the newest at P4", () => {
    const fork = server("P3", 30_000);
    const last = server("P4", 30_000);
    const [forked, lost] = [fork, last].map(({ as, first }) => as.judge(first).issued!.refreshToken);
    const newest = last.as.judge(last.first).issued!.refreshToken;
    fork.as.judge(fork.first);

    expect(fork.as.accepts(forked!)).toBe(true);
    expect(last.as.accepts(lost!)).toBe(false);
    expect(last.as.accepts(newest)).toBe(true);
  });

  it("has two winners at P7 within a moment", () => {
    const { as, first } = server("P7");

    expect([as.judge(first).verdict, as.judge(first).verdict]).toEqual(["rotated", "again"]);
  });
});

describe("an access token", () => {
  it("dies with its time, and with the refresh where the server revokes the old one (X45)", () => {
    const plain = server("P6");
    const revoking = server("P6", 0, true);
    plain.as.judge(plain.first);
    revoking.as.judge(revoking.first);

    expect(plain.as.isGood(plain.accessToken)).toBe(true);
    expect(revoking.as.isGood(revoking.accessToken)).toBe(false);
    plain.pass(60_000);
    expect(plain.as.isGood(plain.accessToken)).toBe(false);
  });
});

describe("an error that consumes the refresh token (X41)", () => {
  it("leaves nothing that works", () => {
    const { as, first } = server("P7");

    expect(as.consume(first).verdict).toBe("consumed");
    expect(as.accepts(first)).toBe(false);
  });
});
