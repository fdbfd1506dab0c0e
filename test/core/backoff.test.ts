import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { MAX_PAUSE_MS, MAX_RETRY_AFTER_MS, pauseAfterMs } from "../../src/core/backoff.ts";

const kinds = ["not_sent", "unknown", "not_committed", "committed_bad", "config"] as const;

describe("the pause after a failure", () => {
  it.each([
    ["not_sent", 500, 30_000],
    ["unknown", 1_000, 30_000],
    ["not_committed", 2_000, 30_000],
    ["committed_bad", 5_000, 30_000],
    ["config", 30_000, 300_000],
  ] as const)(
    "after %s starts at %i ms, doubles, and ends at %i ms (F33, I10)",
    (kind, firstMs, longestMs) => {
      const full = (failures: number): number => pauseAfterMs(kind, failures, 1);

      expect([full(1), full(2)]).toEqual([firstMs, 2 * firstMs]);
      expect([full(50), full(100_000)]).toEqual([longestMs, longestMs]);
    },
  );

  it("has jitter between a half and the whole, so that many grants do not come back at once (M14, X66)", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...kinds),
        fc.integer({ min: 1, max: 1_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (kind, failures, random) => {
          const pauseMs = pauseAfterMs(kind, failures, random);
          const wholeMs = pauseAfterMs(kind, failures, 1);
          expect(pauseMs).toBeGreaterThanOrEqual(Math.floor(wholeMs / 2));
          expect(pauseMs).toBeLessThanOrEqual(wholeMs);
        },
      ),
    );
    const pauses = new Set([0, 0.25, 0.5, 0.75].map((random) => pauseAfterMs("unknown", 3, random)));
    expect(pauses.size).toBe(4);
  });

  it("is at least what the server asked for, up to ten minutes (Retry-After)", () => {
    expect(pauseAfterMs("not_committed", 1, 0, 120_000)).toBe(120_000);
    expect(pauseAfterMs("not_committed", 1, 0, 86_400_000)).toBe(MAX_RETRY_AFTER_MS);
    expect(pauseAfterMs("not_committed", 20, 1, 1)).toBe(MAX_PAUSE_MS);
  });
});
