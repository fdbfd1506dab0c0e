import { describe, expect, it } from "vitest";

import type { Decision } from "../../src/core/decide.ts";
import type { GrantRecord, Intent } from "../../src/core/grant.ts";
import { QUIET_TIME_MS, readIntent, sinceFirst } from "../../src/core/intent.ts";
import { STRICT_ROTATION } from "../../src/core/rotation.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
const row = { version: 4 } as GrantRecord;
const intent = (changes: Partial<Intent> = {}): Intent => ({
  attemptId: "attempt-1",
  holder: "server-1",
  parentVersion: 4,
  fence: 9,
  startedAtMs: NOW_MS - 10_000,
  deadlineAtMs: NOW_MS,
  outcome: "unknown",
  ...changes,
});
const read = (found: Intent | null, kind: "fresh" | "due" | "too_short" | "expired", afterMs = 0): string =>
  readIntent(found, row, { kind } satisfies Decision, NOW_MS + afterMs, STRICT_ROTATION).action;

describe("an intent that somebody left behind", () => {
  it.each(["pending", "unknown"] as const)(
    "keeps the refresh token untouched until its deadline and a quiet time: %s (I12)",
    (outcome) => {
      for (const kind of ["fresh", "due", "too_short", "expired"] as const) {
        expect(readIntent(intent({ outcome }), row, { kind }, NOW_MS - 1, STRICT_ROTATION)).toEqual({
          action: "wait",
          untilMs: NOW_MS + QUIET_TIME_MS,
        });
        expect(read(intent({ outcome }), kind, QUIET_TIME_MS - 1)).toBe("wait");
      }
    },
  );

  it.each([
    ["fresh", "defer"],
    ["due", "defer"],
    ["too_short", "send"],
    ["expired", "send"],
  ] as const)("after that, while the token is %s: %s (S6)", (kind, action) => {
    expect(read(intent(), kind, QUIET_TIME_MS)).toBe(action);
  });

  it("does not matter once it was answered, or for another version, or if there is none", () => {
    expect(read(intent({ outcome: "answered" }), "due", -5_000)).toBe("send");
    expect(read(intent({ parentVersion: 3 }), "due", -5_000)).toBe("send");
    expect(read(null, "due")).toBe("send");
  });

  it("from before the store's clock was set back counts as past its deadline, not as an hour ahead (I17, X21)", () => {
    const ahead = intent({ startedAtMs: NOW_MS + 3_600_000, deadlineAtMs: NOW_MS + 3_610_000 });

    expect([read(ahead, "due"), read(ahead, "expired")]).toEqual(["defer", "send"]);
  });
});

describe("an intent that an attempt leaves behind", () => {
  const newest = intent({ startedAtMs: NOW_MS - 1_000, deadlineAtMs: NOW_MS + 9_000 });

  it("is open since the first request of its version, until the deadline of the newest (M21)", () => {
    expect(sinceFirst(newest, intent(), "unknown")).toEqual({ ...newest, startedAtMs: NOW_MS - 10_000 });
    expect(sinceFirst(newest, null, "answered")).toEqual({ ...newest, outcome: "answered" });
  });

  it("has no window any more where the store's clock was set back in between (X21, I21)", () => {
    const before = intent({ startedAtMs: NOW_MS + 590_000 });
    const left = sinceFirst(newest, before, "unknown");

    expect(left.startedAtMs).toBeLessThanOrEqual(left.deadlineAtMs);
    const policy = { class: "grace", graceMs: 60_000 } as const;
    // Nor when the clock comes to where it was.
    for (const laterMs of [0, 590_000, 600_000])
      expect(readIntent(left, row, { kind: "fresh" }, NOW_MS + laterMs, policy).action).not.toBe("send");
  });
});
