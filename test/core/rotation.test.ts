import { describe, expect, it } from "vitest";

import { refreshDeadlineMsOf, type Engine } from "../../src/core/engine.ts";
import type { GrantRecord } from "../../src/core/grant.ts";
import {
  STRICT_ROTATION,
  longestDeadlineMs,
  resendWindowMs,
  type RotationClass,
  type RotationPolicy,
} from "../../src/core/rotation.ts";
import { ALICE, BOB, HOUR_MS, MINUTE_MS, SECOND_MS, scenario } from "./support/scenario.ts";

const FOREVER = Number.POSITIVE_INFINITY;
const windowed: readonly RotationClass[] = ["idempotent", "grace", "last_wins"];

describe("the window in which a refresh token may be sent again", () => {
  it("is none at a strict server, whatever grace it is said to have (P5, P6, P7)", () => {
    expect(resendWindowMs(STRICT_ROTATION)).toBe(0);
    expect(resendWindowMs({ class: "strict", graceMs: HOUR_MS })).toBe(0);
  });

  it.each(["none", "overlapping"] as const)(
    "has no end where the old one stays valid: %s (P0, P1)",
    (kind) => {
      expect(resendWindowMs({ class: kind, graceMs: 0 })).toBe(FOREVER);
    },
  );

  it.each(windowed)(
    "of %s ends a second before the server's, or a quarter of a short one (P2, P3, P4)",
    (kind) => {
      const ofMs = (graceMs: number): number => resendWindowMs({ class: kind, graceMs });

      expect([30_000, 4_000, 2_000, 400, 0].map(ofMs)).toEqual([29_000, 3_000, 1_500, 300, 0]);
      expect(ofMs(FOREVER)).toBe(FOREVER);
    },
  );
});

describe("the longest that one request may take", () => {
  it.each(windowed)("leaves room for a second one in the window of %s (S3)", (kind) => {
    expect(longestDeadlineMs({ class: kind, graceMs: 31_000 })).toBe(15_000);
  });

  it("is not shortened by a window that is too short for two of them: an aborted winner would be lost (S3, I4)", () => {
    for (const graceMs of [1, 500, 2_000, 5_000]) {
      expect(longestDeadlineMs({ class: "grace", graceMs })).toBeGreaterThanOrEqual(5_000);
    }
  });

  it("has no bound of this kind where there is no window, or one without an end", () => {
    const policies: readonly RotationPolicy[] = [
      STRICT_ROTATION,
      { class: "grace", graceMs: 0 },
      { class: "none", graceMs: 0 },
      { class: "overlapping", graceMs: 0 },
      { class: "idempotent", graceMs: FOREVER },
    ];

    expect(policies.map(longestDeadlineMs)).toEqual(policies.map(() => FOREVER));
  });

  it("is the shortest of what the window, the option and the token's life allow", () => {
    const grant = (lifetimeMs: number): GrantRecord =>
      ({ accessTokenIssuedAtMs: 0, accessTokenExpiresAtMs: lifetimeMs }) as GrantRecord;
    const deadlineMs = (policy: RotationPolicy, lifetimeMs: number, refreshDeadlineMs?: number): number =>
      refreshDeadlineMsOf(
        { limits: { refreshDeadlineMs }, rotationOf: () => policy } as unknown as Engine,
        grant(lifetimeMs),
      );
    const grace: RotationPolicy = { class: "grace", graceMs: 31_000 };

    expect(deadlineMs(STRICT_ROTATION, HOUR_MS)).toBe(60_000);
    expect(deadlineMs(grace, HOUR_MS)).toBe(15_000);
    expect(deadlineMs(grace, 40 * SECOND_MS)).toBe(10_000);
    expect(deadlineMs(grace, HOUR_MS, 3_000)).toBe(3_000);
    expect(deadlineMs(STRICT_ROTATION, HOUR_MS, 90_000)).toBe(90_000);
  });
});

describe("the class of a grant's authorization server", () => {
  it("is asked for each grant by itself, and strict where nobody says (I8)", async () => {
    const { clock, as, server, signInBoth } = scenario({ lifetimeMs: HOUR_MS });
    as.rotation = "grace_forks";
    as.graceMs = 30 * SECOND_MS;
    await signInBoth();
    const lost = { answer: { kind: "unknown", code: "reset", answered: false }, commits: true } as const;
    const { token } = server({
      rotationOf: ({ id }) => (id === ALICE ? { class: "grace", graceMs: 30_000 } : STRICT_ROTATION),
    });
    const unaware = server();
    await unaware.manager.saveGrant({
      ...{ id: "k1.carol", sessionRef: "s", subjectRef: null, sidRef: null },
      ...{
        provider: "keycloak",
        issuer: "https://as.example",
        clientId: "app",
        tokenSet: as.signIn("carol"),
      },
    });
    await clock.advance(51 * MINUTE_MS);
    as.failNext(lost, lost, lost);
    await Promise.all([token(ALICE), token(BOB), unaware.token("k1.carol")]);
    await clock.advance(20 * SECOND_MS);

    expect(["alice", "bob", "carol"].map((user) => as.requestsOf(user))).toEqual([2, 1, 1]);
    expect([await token(ALICE), await token(BOB)]).toEqual(["at.alice.3", "at.bob.1"]);
  });
});
