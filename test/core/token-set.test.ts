import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  DEFAULT_LIFETIME_MS,
  MAX_LIFETIME_MS,
  epochMsFrom,
  epochSecondsFrom,
  lifetimeMsFrom,
  secondsFrom,
  tokenSetFrom,
  type TokenSet,
} from "../../src/core/token-set.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
const NOW_S = NOW_MS / 1000;
const previous: TokenSet = {
  accessToken: "A1",
  refreshToken: "R1",
  idToken: "I1",
  scope: "openid calendar",
  tokenType: "Bearer",
  issuedAtMs: NOW_MS - 3_600_000,
  expiresAtMs: NOW_MS,
  refreshTokenExpiresAtMs: NOW_MS + 86_400_000,
  tokenEndpoint: "https://as.example/token",
  extra: { instance_url: "https://eu1.example" },
};

describe("the expiry of a refreshed token", () => {
  const tellsNothing = DEFAULT_LIFETIME_MS;

  it.each([
    ["a number", { expires_in: 3600 }, 3_600_000],
    ["a numeric string", { expires_in: "3600" }, 3_600_000],
    ["a fraction", { expires_in: 59.5 }, 59_500],
    ["a missing expires_in", {}, tellsNothing],
    ["zero", { expires_in: 0 }, tellsNothing],
    ["less than a millisecond", { expires_in: 0.0001 }, tellsNothing],
    ["a negative number", { expires_in: -3600 }, tellsNothing],
    ["an empty string", { expires_in: "" }, tellsNothing],
    ["a word", { expires_in: "soon" }, tellsNothing],
    ["NaN", { expires_in: Number.NaN }, tellsNothing],
    ["infinity", { expires_in: Number.POSITIVE_INFINITY }, tellsNothing],
    ["null", { expires_in: null }, tellsNothing],
    ["an object", { expires_in: { seconds: 3600 } }, tellsNothing],
    ["an array", { expires_in: [3600] }, tellsNothing],
    ["an absurd number", { expires_in: 1e18 }, MAX_LIFETIME_MS],
    ["expires_at in seconds", { expires_at: NOW_S + 600 }, 600_000],
    ["expires_at in seconds as a string", { expires_at: String(NOW_S + 600) }, 600_000],
    ["expires_at in milliseconds", { expires_at: NOW_MS + 600_000 }, 600_000],
    ["expires_at beyond belief", { expires_at: 9e15 }, MAX_LIFETIME_MS],
    ["expires_in before expires_at", { expires_in: 60, expires_at: NOW_S + 600 }, 60_000],
    ["expires_at in the past", { expires_at: NOW_S - 3600 }, tellsNothing],
    ["a lifetime in expires_at", { expires_at: 3600 }, tellsNothing],
  ])("is one finite deadline in the future for %s (F7)", (_, members, lifetimeMs) => {
    const tokenSet = tokenSetFrom({ access_token: "A2", ...members }, { requestedAtMs: NOW_MS, previous });

    expect(tokenSet?.expiresAtMs).toBe(NOW_MS + lifetimeMs);
  });

  it("is counted from when the request was sent, not from when the answer came (M13)", () => {
    const context = { requestedAtMs: NOW_MS - 8_000, previous };

    expect(tokenSetFrom({ access_token: "A2", expires_in: 60 }, context)).toMatchObject({
      issuedAtMs: NOW_MS - 8_000,
      expiresAtMs: NOW_MS + 52_000,
    });
  });

  it("is never 'at once' and never 'never', whatever the server writes (F7)", () => {
    fc.assert(
      fc.property(
        fc.anything(),
        fc.anything(),
        fc.option(fc.integer({ min: 1, max: MAX_LIFETIME_MS }), { nil: undefined }),
        (expires_in, expires_at, defaultLifetimeMs) => {
          const tokenSet = tokenSetFrom(
            { access_token: "A2", expires_in, expires_at },
            {
              requestedAtMs: NOW_MS,
              previous,
              ...(defaultLifetimeMs !== undefined && { defaultLifetimeMs }),
            },
          );
          const lifetimeMs = (tokenSet?.expiresAtMs ?? Number.NaN) - NOW_MS;
          expect(Number.isInteger(lifetimeMs)).toBe(true);
          expect(lifetimeMs).toBeGreaterThanOrEqual(1);
          expect(lifetimeMs).toBeLessThanOrEqual(MAX_LIFETIME_MS);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe("the first token set of a sign-in", () => {
  it("has no end where none is told and nothing could renew it (F45)", () => {
    const tokenSet = tokenSetFrom({ access_token: "A1" }, { requestedAtMs: NOW_MS });

    expect(tokenSet).toEqual({ accessToken: "A1", tokenType: "Bearer", issuedAtMs: NOW_MS });
  });

  it("may have expired already: an old login that is taken over is refreshed at first contact (F24)", () => {
    const tokenSet = tokenSetFrom(
      { access_token: "A1", refresh_token: "R1", expires_at: NOW_S - 3600 },
      { requestedAtMs: NOW_MS },
    );

    expect(tokenSet?.expiresAtMs).toBe(NOW_MS - 3_600_000);
  });

  it.each([undefined, null, "", 5, ["A1"], {}])("needs an access token; %j is none", (access_token) => {
    expect(
      tokenSetFrom({ access_token, refresh_token: "R1" }, { requestedAtMs: NOW_MS, previous }),
    ).toBeUndefined();
  });
});

describe("what a refresh response leaves out", () => {
  it("is kept: refresh token, its expiry, scope, ID token, endpoint and extras (F6)", () => {
    const tokenSet = tokenSetFrom(
      { access_token: "A2", expires_in: 60 },
      { requestedAtMs: NOW_MS, previous },
    );

    expect(tokenSet).toEqual({
      ...previous,
      accessToken: "A2",
      issuedAtMs: NOW_MS,
      expiresAtMs: NOW_MS + 60_000,
    });
  });

  it("is kept when it is there but empty or no string (F6)", () => {
    const tokenSet = tokenSetFrom(
      { access_token: "A2", refresh_token: "", id_token: null, scope: 7 },
      { requestedAtMs: NOW_MS, previous },
    );

    expect(tokenSet).toMatchObject({ refreshToken: "R1", idToken: "I1", scope: "openid calendar" });
  });
});

describe("what a refresh response brings", () => {
  it("replaces the old: refresh token, scope, ID token (F6)", () => {
    const tokenSet = tokenSetFrom(
      { access_token: "A2", refresh_token: "R2", id_token: "I2", scope: "mail", token_type: "bearer" },
      { requestedAtMs: NOW_MS, previous },
    );

    expect(tokenSet).toMatchObject({
      refreshToken: "R2",
      idToken: "I2",
      scope: "mail",
      tokenType: "bearer",
    });
  });

  it("does not inherit the old refresh token's end for a new refresh token (F28)", () => {
    const context = { requestedAtMs: NOW_MS, previous };

    expect(tokenSetFrom({ access_token: "A2", refresh_token: "R2" }, context)).not.toHaveProperty(
      "refreshTokenExpiresAtMs",
    );
    expect(tokenSetFrom({ access_token: "A2", refresh_token: "R1" }, context)).toHaveProperty(
      "refreshTokenExpiresAtMs",
      previous.refreshTokenExpiresAtMs,
    );
  });

  it.each(["refresh_token_expires_in", "refresh_expires_in"])(
    "reads the refresh token's lifetime from %s (F28)",
    (name) => {
      const response = { access_token: "A2", refresh_token: "R2", [name]: "1800" };

      expect(tokenSetFrom(response, { requestedAtMs: NOW_MS, previous })?.refreshTokenExpiresAtMs).toBe(
        NOW_MS + 1_800_000,
      );
    },
  );

  it("keeps short extras that are no tokens, at most 20, and nothing that looks like a secret (Q24, SEC-41)", () => {
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`extra_${index}`, index]));
    const response = JSON.parse(
      '{"__proto__": "x", "instance_url": "https://eu2.example", "device_secret": "s", "other_token": "t", "assertion": "a"}',
    ) as Record<string, unknown>;
    const long = { long: "x".repeat(100_000), nested: {}, none: null };

    const tokenSet = tokenSetFrom(
      { access_token: "A".repeat(100_000), ...response, ...long, ...many },
      { requestedAtMs: NOW_MS },
    );

    expect(tokenSet?.accessToken).toHaveLength(100_000);
    expect(tokenSet?.extra).toMatchObject({ instance_url: "https://eu2.example", extra_0: 0 });
    const names = Object.keys(tokenSet?.extra ?? {});
    expect(names).toHaveLength(20);
    expect(names.filter((name) => /token|secret|assertion|proto|long|nested|none/.test(name))).toEqual([]);
  });
});

describe("the conversions", () => {
  it("round down and never below zero, so that nobody is told a longer life than there is", () => {
    expect([secondsFrom(1_999), secondsFrom(-5), epochSecondsFrom(1_999)]).toEqual([1, 0, 1]);
  });

  it("never make something of nothing", () => {
    fc.assert(
      fc.property(fc.anything(), (anything) => {
        for (const converted of [lifetimeMsFrom(anything), epochMsFrom(anything)]) {
          if (converted !== undefined) expect(converted).toBeGreaterThan(0);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("keep the order of lifetimes", () => {
    const seconds = fc.double({ min: 0.001, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(seconds, seconds, (one, two) => {
        const [shorter, longer] = [Math.min(one, two), Math.max(one, two)];
        expect(lifetimeMsFrom(shorter)).toBeLessThanOrEqual(lifetimeMsFrom(longer)!);
      }),
    );
  });
});
