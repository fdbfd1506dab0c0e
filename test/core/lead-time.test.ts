import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { checkTimingOptions, timingOf, type TimingOptions } from "../../src/core/lead-time.ts";
import { DEFAULT_LIMITS, refreshDeadlineMsOf, type Engine } from "../../src/core/engine.ts";
import { STRICT_ROTATION, type RotationPolicy } from "../../src/core/rotation.ts";
import { createTokenManager } from "../../src/core/token-manager.ts";
import { isTokenError } from "../../src/core/errors.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { ModelAuthorizationServer } from "./support/authorization-server.ts";
import { boxSealer, DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "./support/scenario.ts";

const lifetimes = fc.integer({ min: 1, max: 366 * DAY_MS });
const durations = fc.option(fc.integer({ min: 0, max: 366 * DAY_MS }), { nil: undefined });

describe("the default lead times", () => {
  it.each([
    { lifetimeMs: HOUR_MS, dueMs: 50 * MINUTE_MS, idleMs: 53 * MINUTE_MS, minValidityMs: 10 * SECOND_MS },
    { lifetimeMs: 300_000, dueMs: 200_000, idleMs: 230_000, minValidityMs: 10 * SECOND_MS },
    { lifetimeMs: 60_000, dueMs: 40_000, idleMs: 46_000, minValidityMs: 6 * SECOND_MS },
    { lifetimeMs: 12_000, dueMs: 6_000, idleMs: 7_800, minValidityMs: 1_200 },
    {
      lifetimeMs: 60 * DAY_MS,
      dueMs: 60 * DAY_MS - 600_000,
      idleMs: 60 * DAY_MS - 420_000,
      minValidityMs: 10_000,
    },
  ])(
    "of a token of $lifetimeMs ms: due at $dueMs ms, asked for by an idle tab at $idleMs ms (S7)",
    ({ lifetimeMs, dueMs, idleMs, minValidityMs }) => {
      const timing = timingOf(lifetimeMs, {});

      expect(lifetimeMs - timing.leadTimeMs).toBe(dueMs);
      expect(lifetimeMs - timing.idleLeadTimeMs).toBeCloseTo(idleMs, 6);
      expect(timing.minValidityMs).toBe(minValidityMs);
    },
  );

  it("of a token of 60 s are the same at sign-in, where NextAuth tells its expiry in whole seconds and late", () => {
    expect(timingOf(57_800, {}).leadTimeMs).toBeCloseTo(57_800 / 3, 6);
    expect(timingOf(50_000, {}).leadTimeMs).toBe(25_000);
  });

  it("stand in order for every lifetime and every option: not due at birth, too short never before due by default", () => {
    fc.assert(
      fc.property(lifetimes, durations, durations, durations, (lifetimeMs, lead, idle, minimum) => {
        const options: TimingOptions = {
          ...(lead !== undefined && { leadTimeMs: lead }),
          ...(idle !== undefined && { idleLeadTimeMs: idle }),
          ...(minimum !== undefined && { minValidityMs: minimum }),
        };
        const { leadTimeMs, idleLeadTimeMs, minValidityMs } = timingOf(lifetimeMs, options);
        expect(leadTimeMs).toBeLessThanOrEqual(lifetimeMs / 2);
        expect(idleLeadTimeMs).toBeLessThanOrEqual(leadTimeMs);
        expect(minValidityMs).toBeLessThanOrEqual(lifetimeMs / 2);
        expect(Math.min(leadTimeMs, idleLeadTimeMs, minValidityMs)).toBeGreaterThanOrEqual(0);
        if (lead === undefined && minimum === undefined)
          expect(minValidityMs).toBeLessThanOrEqual(leadTimeMs);
      }),
    );
  });

  it("grow with the token's lifetime, up to the step at 60 s", () => {
    fc.assert(
      fc.property(lifetimes, lifetimes, (one, two) => {
        const [shorter, longer] = [Math.min(one, two), Math.max(one, two)];
        fc.pre(shorter >= MINUTE_MS || longer < MINUTE_MS);
        expect(timingOf(shorter, {}).leadTimeMs).toBeLessThanOrEqual(timingOf(longer, {}).leadTimeMs);
        expect(timingOf(shorter, {}).minValidityMs).toBeLessThanOrEqual(timingOf(longer, {}).minValidityMs);
      }),
    );
  });
});

describe("lead times that make no sense", () => {
  const build = (options: object): unknown => {
    const clock = new FakeClock();
    try {
      createTokenManager({
        store: memoryStore({ clock }),
        sealer: boxSealer(),
        refresher: new ModelAuthorizationServer(clock, HOUR_MS),
        holder: "h",
        newId: () => "1",
        random: () => 0,
        ...options,
      });
      return undefined;
    } catch (error) {
      return error;
    }
  };

  it.each([
    ["leadTimeMs", { leadTimeMs: -5 }, /"leadTimeMs" .*0 or more; got -5/],
    ["leadTimeMs", { leadTimeMs: Number.NaN }, /"leadTimeMs" .*got NaN/],
    ["leadTimeMs", { leadTimeMs: "600" }, /"leadTimeMs" .*got string/],
    ["idleLeadTimeMs", { idleLeadTimeMs: Number.POSITIVE_INFINITY }, /"idleLeadTimeMs" .*got Infinity/],
    ["idleLeadTimeMs", { leadTimeMs: 10, idleLeadTimeMs: 20 }, /"leadTimeMs" \(10\).*got 20/],
    ["minValidityMs", { minValidityMs: -1 }, /"minValidityMs" .*got -1/],
    ["minValidityMs", { leadTimeMs: 10, minValidityMs: 20 }, /"leadTimeMs" \(10\).*got 20/],
    ["maxWaitMs", { maxWaitMs: -1 }, /"maxWaitMs" .*got -1/],
    ["leaseMs", { leaseMs: 0 }, /"leaseMs" .*1 or more; got 0/],
    ["refreshDeadlineMs", { refreshDeadlineMs: null }, /"refreshDeadlineMs" .*got object/],
    ["storeTimeoutMs", { storeTimeoutMs: 0 }, /"storeTimeoutMs" .*got 0/],
    ["persistBudgetMs", { persistBudgetMs: {} }, /"persistBudgetMs" .*got object/],
    ["staleIfStoreDownMs", { staleIfStoreDownMs: -1 }, /"staleIfStoreDownMs" .*got -1/],
    ["slidingLifetimeMs", { slidingLifetimeMs: 0 }, /"slidingLifetimeMs" .*got 0/],
    ["absoluteLifetimeMs", { absoluteLifetimeMs: -1 }, /"absoluteLifetimeMs" .*got -1/],
  ])("are refused when the manager is built: %s from %j", (option, options, message) => {
    const error = build(options);

    expect(isTokenError(error) && error.code).toBe("invalid_option");
    expect(error).toMatchObject({ option, message: expect.stringMatching(message) });
  });

  it("are told from those that do", () => {
    expect(build({ leadTimeMs: 0, staleIfStoreDownMs: 0, maxWaitMs: 0, minForcedAgeMs: 0 })).toBeUndefined();
    expect(() => checkTimingOptions({ leadTimeMs: 20, idleLeadTimeMs: 20, minValidityMs: 20 })).not.toThrow();
  });
});

describe("the deadline of one refresh", () => {
  it.each([
    [HOUR_MS, 60_000],
    [2 * MINUTE_MS, 30_000],
    [12_000, 5_000],
  ])("of a token of %i ms is %i ms", (lifetimeMs, deadlineMs) => {
    const grant = { accessTokenIssuedAtMs: 0, accessTokenExpiresAtMs: lifetimeMs } as never;

    const engine = { limits: DEFAULT_LIMITS, rotationOf: () => STRICT_ROTATION } as unknown as Engine;
    const told = { ...engine, limits: { ...DEFAULT_LIMITS, refreshDeadlineMs: 7 } };

    expect(refreshDeadlineMsOf(engine, grant)).toBe(deadlineMs);
    expect(refreshDeadlineMsOf(told, grant)).toBe(7);
  });

  it.each([
    ["grace", 30_000, 14_500],
    ["last_wins", 21_000, 10_000],
    ["idempotent", 10_000, 5_000],
    ["grace", 2_000, 5_000],
    ["grace", 0, 60_000],
    ["overlapping", 0, 60_000],
    ["strict", 30_000, 60_000],
  ] as const)(
    "at a server of the class %s with a window of %i ms is %i ms, so that a second request fits in, but never so short that a slow winner is given up (S1, S3)",
    (rotation, graceMs, deadlineMs) => {
      const grant = { accessTokenIssuedAtMs: 0, accessTokenExpiresAtMs: HOUR_MS } as never;
      const rotationOf = (): RotationPolicy => ({ class: rotation, graceMs });

      expect(refreshDeadlineMsOf({ limits: DEFAULT_LIMITS, rotationOf } as unknown as Engine, grant)).toBe(
        deadlineMs,
      );
    },
  );
});
