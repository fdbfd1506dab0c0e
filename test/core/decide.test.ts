import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { decide, type Decision } from "../../src/core/decide.ts";
import { GRANT_FORMAT, grantRefOf, type GrantRecord } from "../../src/core/grant.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "./support/scenario.ts";

const BORN_MS = Date.UTC(2026, 0, 1);

function grant(changes: Partial<GrantRecord> = {}): GrantRecord {
  return {
    id: "k1.0123456789abcdef",
    sessionRef: "s",
    subjectRef: null,
    sidRef: null,
    provider: "keycloak",
    issuer: "https://as.example",
    clientId: "app",
    sealedTokenSet: "",
    keyId: "k1",
    accessTokenIssuedAtMs: BORN_MS,
    accessTokenExpiresAtMs: BORN_MS + HOUR_MS,
    refreshTokenExpiresAtMs: null,
    refreshable: true,
    absoluteEndMs: BORN_MS + 365 * DAY_MS,
    slidingEndMs: BORN_MS + 30 * DAY_MS,
    format: GRANT_FORMAT,
    version: 1,
    createdAtMs: BORN_MS,
    state: "live",
    endReason: null,
    endedAtMs: null,
    fence: 0,
    lease: null,
    intent: null,
    backoff: null,
    candidates: [],
    ...changes,
  };
}

const at = (afterMs: number, changes?: Partial<GrantRecord>, minValidityMs?: number): string => {
  const decision = decide(grant(changes), BORN_MS + afterMs, {}, minValidityMs);
  return decision.kind === "ended" ? `ended:${decision.reason}` : decision.kind;
};

describe("a token of an hour", () => {
  it.each([
    [0, "fresh"],
    [50 * MINUTE_MS - 1, "fresh"],
    [50 * MINUTE_MS, "due"],
    [HOUR_MS - 10_000, "due"],
    [HOUR_MS - 9_999, "too_short"],
    [HOUR_MS - 1, "too_short"],
    [HOUR_MS, "expired"],
    [20 * DAY_MS, "expired"],
    [30 * DAY_MS, "ended:expired"],
  ])("is at %i ms: %s", (afterMs, expected) => {
    expect(at(afterMs)).toBe(expected);
  });

  it("is too short earlier for a reader who needs more life, and later for one who needs less (F27, F38)", () => {
    expect(at(31 * MINUTE_MS, {}, 30 * MINUTE_MS)).toBe("too_short");
    expect(at(30 * MINUTE_MS, {}, 30 * MINUTE_MS)).toBe("fresh");
    expect(at(HOUR_MS - 1, {}, 0)).toBe("due");
  });
});

describe("a grant without anything to refresh with", () => {
  it.each([
    ["no refresh token", { refreshable: false }],
    ["a refresh token that has expired", { refreshTokenExpiresAtMs: BORN_MS + MINUTE_MS }],
  ])("is good until its access token expires, then ended: %s (F28)", (_, changes) => {
    expect(at(HOUR_MS - 1, changes)).toBe("fresh");
    expect(at(HOUR_MS, changes)).toBe("ended:no_refresh_token");
  });

  it("has nothing for a reader who needs more life than is left (I9)", () => {
    expect(at(HOUR_MS - 1_000, { refreshable: false }, 30_000)).toBe("ended:no_refresh_token");
    expect(at(HOUR_MS - 30_000, { refreshable: false }, 30_000)).toBe("fresh");
  });
});

describe("a grant's end", () => {
  it.each(["signed_out", "replaced", "rejected", "lost_response", "expired", "revoked"] as const)(
    "is told with its reason: %s, however good the token is (I7)",
    (endReason) => {
      expect(at(0, { state: "ended", endReason })).toBe(`ended:${endReason}`);
    },
  );

  it("comes at the sliding or the absolute end, whichever is first (SEC-12)", () => {
    expect(at(5, { slidingEndMs: BORN_MS + 5 })).toBe("ended:expired");
    expect(at(5, { absoluteEndMs: BORN_MS + 5 })).toBe("ended:expired");
    expect(at(4, { absoluteEndMs: BORN_MS + 5, slidingEndMs: BORN_MS + 5 })).toBe("fresh");
  });
});

describe("a token without a known end", () => {
  it("is handed out until the session ends", () => {
    const endless = { accessTokenExpiresAtMs: null, refreshable: false };

    expect([at(29 * DAY_MS, endless), at(30 * DAY_MS, endless)]).toEqual(["fresh", "ended:expired"]);
  });
});

describe("every decision", () => {
  const rank: Record<Decision["kind"], number> = { fresh: 0, due: 1, too_short: 2, expired: 3, ended: 4 };

  it("only moves on as time passes, and with what a reader needs", () => {
    const numbers = fc.record({
      lifetimeMs: fc.integer({ min: 1, max: 90 * DAY_MS }),
      afterMs: fc.integer({ min: 0, max: 100 * DAY_MS }),
      moreMs: fc.integer({ min: 0, max: 100 * DAY_MS }),
      needMs: fc.option(fc.integer({ min: 0, max: DAY_MS }), { nil: undefined }),
      refreshable: fc.boolean(),
    });
    fc.assert(
      fc.property(numbers, ({ lifetimeMs, afterMs, moreMs, needMs, refreshable }) => {
        const changes = { refreshable, accessTokenExpiresAtMs: BORN_MS + lifetimeMs };
        const kind = (nowMs: number, need?: number): number =>
          rank[decide(grant(changes), BORN_MS + nowMs, {}, need).kind];
        expect(kind(afterMs + moreMs, needMs)).toBeGreaterThanOrEqual(kind(afterMs, needMs));
        if (needMs !== undefined)
          expect(kind(afterMs, needMs + moreMs)).toBeGreaterThanOrEqual(kind(afterMs, needMs));
      }),
    );
  });

  it("never hands out a token that has expired (F31)", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: DAY_MS }), fc.boolean(), (lateMs, refreshable) => {
        expect(["expired", "ended"]).toContain(
          decide(grant({ refreshable }), BORN_MS + HOUR_MS + lateMs, {}, 0).kind,
        );
      }),
    );
  });
});

describe("the name of a grant in logs", () => {
  it("is 12 characters of its keyed hash (SEC-83)", () => {
    expect([grantRefOf("k1.0123456789abcdef"), grantRefOf("0123456789abcdef")]).toEqual([
      "0123456789ab",
      "0123456789ab",
    ]);
  });
});
