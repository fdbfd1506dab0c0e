import { describe, expect, it } from "vitest";
import type { Reading } from "../../src/client/environment.ts";
import {
  backOffMs,
  countSoon,
  DEFAULT_SETTINGS,
  MAX_TIMER_MS,
  plan,
  type PlanSettings,
  type PlanState,
} from "../../src/client/plan.ts";
import { after, signedIn, start } from "./signed-in.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const decide = (
  changes: Partial<PlanState>,
  now: Reading,
  {
    cause = "timer",
    online = true,
    ...settings
  }: Partial<PlanSettings> & { cause?: Parameters<typeof plan>[2]; online?: boolean } = {},
): ReturnType<typeof plan> =>
  plan({ ...signedIn, lookedAt: now, ...changes }, now, cause, online, { ...DEFAULT_SETTINGS, ...settings });

describe("the plan of a tab", () => {
  it("asks when the server said to, and not a millisecond earlier", () => {
    expect(decide({}, after(45_999))).toEqual({ act: "wait", forMs: 1 });
    expect(decide({}, after(46_000))).toEqual({ act: "ask", reason: "idle" });
  });

  it("asks again where a tab that shows nobody was told to ask and failed (I13, I19)", () => {
    const failed = { known: "signed_out", askInMs: Infinity, failures: 1 } as const;
    expect(decide(failed, after(0))).toEqual({ act: "wait", forMs: 1_000 });
    expect(decide(failed, after(1_000))).toEqual({ act: "ask", reason: "retry" });
  });

  it("spreads tabs by chance, within a twentieth of the wait and five seconds at most (F14)", () => {
    expect(decide({ draw: 0.99 }, after(46_000))).toEqual({ act: "wait", forMs: 2_277 });
    expect(decide({ draw: 1, askInMs: HOUR_MS }, after(HOUR_MS))).toEqual({ act: "wait", forMs: 5_000 });
  });

  it("spreads them within a fifth of the idle lead, so that none asks after the token has expired (F14)", () => {
    const hourly = { draw: 1, askInMs: HOUR_MS - 1_000 };
    expect(decide({ ...hourly, spareMs: 1_000 }, after(hourly.askInMs))).toEqual({ act: "wait", forMs: 200 });
    expect(decide({ ...hourly, spareMs: 1_000 }, after(hourly.askInMs + 200))).toMatchObject({ act: "ask" });
    expect(decide({ ...hourly, spareMs: 0 }, after(hourly.askInMs))).toMatchObject({ act: "ask" });
  });

  it("trusts the larger of both clocks: a sleep that stops one of them, a clock that is set back (F22, F26)", () => {
    expect(decide({}, after(46_000, 10))).toMatchObject({ act: "ask" });
    expect(decide({}, after(-HOUR_MS, 46_000))).toMatchObject({ act: "ask" });
  });

  it("asks at once when the clocks moved apart by more than two seconds since the last look (F22)", () => {
    expect(decide({ lookedAt: start }, after(5_000, 2_999))).toMatchObject({ act: "ask" });
    expect(decide({ lookedAt: start }, after(-HOUR_MS, 1_000))).toMatchObject({ act: "ask" });
    expect(decide({ lookedAt: start }, after(5_000, 3_001))).toMatchObject({ act: "wait" });
  });

  it("does not mistake a slow drift over days for a jump", () => {
    const now = after(20 * DAY_MS, 20 * DAY_MS - 60_000);
    expect(decide({ askInMs: 60 * DAY_MS, lookedAt: now }, now)).toMatchObject({ act: "wait" });
  });

  it("never waits longer than a timer can count, and looks again (F25)", () => {
    const far = { askInMs: 60 * DAY_MS };
    expect(decide(far, start, { checkEveryMs: Infinity })).toEqual({ act: "wait", forMs: MAX_TIMER_MS });
    expect(decide(far, start)).toEqual({ act: "wait", forMs: DEFAULT_SETTINGS.checkEveryMs });
  });

  it("rests where the token has no known end, and after a sign-out, whatever happens", () => {
    expect(decide({ askInMs: Infinity }, after(DAY_MS))).toEqual({ act: "rest" });
    for (const cause of ["timer", "visible", "focus", "online", "pageshow"] as const) {
      expect(decide({ known: "signed_out" }, after(DAY_MS), { cause })).toEqual({ act: "rest" });
    }
  });

  it("asks at least as often as the app wants", () => {
    expect(decide({}, after(10_000), { refetchIntervalMs: 10_000 })).toEqual({ act: "ask", reason: "idle" });
    expect(decide({ askInMs: Infinity }, after(10_000), { refetchIntervalMs: 10_000 })).toMatchObject({
      act: "ask",
    });
    expect(decide({}, after(46_000), { refetchIntervalMs: 100_000 })).toMatchObject({ act: "ask" });
  });

  it("becoming visible asks, as in next-auth, unless the app switched that off; focus only looks at the clock", () => {
    expect(decide({}, after(5_000), { cause: "visible" })).toEqual({ act: "ask", reason: "visible" });
    expect(decide({}, after(5_000), { cause: "visible", askWhenVisible: false })).toMatchObject({
      act: "wait",
    });
    expect(decide({}, after(5_000), { cause: "focus" })).toMatchObject({ act: "wait" });
    expect(decide({}, after(46_000), { cause: "focus" })).toEqual({ act: "ask", reason: "focus" });
  });

  it("out of the back/forward cache asks, whoever is shown: the page has heard of no sign-in or sign-out meanwhile (F43, I13)", () => {
    const cause = "restored";
    expect(decide({ known: "signed_out" }, after(5_000), { cause })).toEqual({ act: "ask", reason: cause });
    expect(decide({}, after(5_000), { cause, askWhenVisible: false })).toEqual({ act: "ask", reason: cause });
    const asked = { reason: cause, at: after(5_000) } as const;
    expect(decide({ asked }, after(5_500), { cause: "visible" })).toMatchObject({ act: "wait" });
  });

  it("takes the several events of one wake-up for one", () => {
    const asked = { reason: "pageshow", at: after(5_000) } as const;
    expect(decide({ asked }, after(5_999), { cause: "visible" })).toMatchObject({ act: "wait" });
    expect(decide({ asked }, after(6_000), { cause: "visible" })).toMatchObject({ act: "ask" });
  });

  it("backs off after failures, and asks at once when the network is back (F23, F33)", () => {
    const failing = { failures: 3, failedAt: after(60_000) };
    expect(decide(failing, after(60_000))).toEqual({ act: "wait", forMs: 4_000 });
    expect(decide(failing, after(64_000))).toEqual({ act: "ask", reason: "retry" });
    expect(decide(failing, after(60_001), { cause: "online" })).toEqual({ act: "ask", reason: "online" });
    expect(decide(failing, after(60_001), { cause: "focus" })).toMatchObject({ act: "wait" });
  });

  it("waits from one second to one minute between failures, half of it by chance", () => {
    expect([1, 2, 3, 6, 7, 50].map((count) => backOffMs(count, 0))).toEqual([
      1_000, 2_000, 4_000, 32_000, 60_000, 60_000,
    ]);
    expect(backOffMs(50, 0.5)).toBe(45_000);
  });

  it("sends nothing while offline only if the app wants that", () => {
    const offline = { online: false, askWhenOffline: false };
    expect(decide({}, after(46_000), offline)).toEqual({ act: "rest" });
    expect(decide({}, after(46_000), { ...offline, online: true })).toMatchObject({ act: "ask" });
    expect(decide({}, after(46_000), { online: false })).toMatchObject({ act: "ask" });
  });

  it("does not turn an answer of 0 ms into a hot loop (F33)", () => {
    const now = { tokenState: { status: "fresh", askInMs: 0 } } as const;
    const soon = [0, 1, 2, 3, 9].map((before) => countSoon(before, now));
    expect(soon).toEqual([1, 2, 3, 4, 5]);
    expect(soon.map((count) => decide({ askInMs: 0, soon: count }, start))).toEqual(
      [1_000, 2_000, 4_000, 8_000, 15_000].map((forMs) => ({ act: "wait", forMs })),
    );
    expect(countSoon(4, { tokenState: { status: "fresh", askInMs: 46_000 } })).toBe(0);
  });

  it("rests from the idle limit on, by either clock, whatever wakes it (F29)", () => {
    const limit = { idleLimitMs: 900_000 };
    const due = { askInMs: 46_000, activeAt: start };
    expect(decide(due, after(899_999), limit)).toMatchObject({ act: "ask" });
    for (const now of [after(900_000), after(900_000, 10), after(10, 900_000), after(-HOUR_MS, 900_000)])
      for (const cause of ["timer", "focus", "visible", "online", "pageshow", "marker"] as const)
        for (const known of ["signed_in", "unknown"] as const)
          expect(decide({ ...due, known }, now, { ...limit, cause })).toEqual({ act: "rest" });
    expect(decide(due, after(DAY_MS))).toMatchObject({ act: "ask" });
  });

  it("asks what it was told to also when idle, and again after a failure, but not for ever (F29, I13)", () => {
    const limit = { idleLimitMs: 900_000 };
    const told = { doubtedAt: after(HOUR_MS), failedAt: after(HOUR_MS), askInMs: Infinity };
    expect(decide(told, after(HOUR_MS + 500), limit)).toEqual({ act: "wait", forMs: 1_500 });
    expect(decide(told, after(HOUR_MS + 2_000), limit)).toEqual({ act: "ask", reason: "update" });
    const failed = { ...told, failures: 1 };
    expect(decide(failed, after(HOUR_MS + 999), limit)).toEqual({ act: "wait", forMs: 1 });
    expect(decide(failed, after(HOUR_MS + 1_000), limit)).toEqual({ act: "ask", reason: "retry" });
    expect(decide({ ...told, failures: 8 }, after(2 * HOUR_MS), limit)).toEqual({ act: "rest" });
    expect(decide({ failures: 1 }, after(HOUR_MS), limit)).toEqual({ act: "rest" });
  });

  it("asks because of the marker, whoever is shown (F35)", () => {
    const cause = "marker";
    expect(decide({ known: "signed_out" }, after(5_000), { cause })).toEqual({ act: "ask", reason: cause });
    expect(decide({}, after(5_000), { cause })).toEqual({ act: "ask", reason: cause });
  });

  it("does not take a jump of the clocks for a reason to ask once the browser is idle (F22, F29)", () => {
    const slept = after(8 * HOUR_MS, 5_000);
    expect(decide({ lookedAt: start }, slept, { idleLimitMs: 9 * HOUR_MS })).toMatchObject({ act: "ask" });
    expect(decide({ lookedAt: start }, slept, { idleLimitMs: HOUR_MS })).toEqual({ act: "rest" });
  });

  it("asks at once when somebody is back, even if it is not time (F29)", () => {
    const back = { askInMs: DAY_MS, activeAt: after(HOUR_MS) };
    expect(decide(back, after(HOUR_MS), { cause: "active", idleLimitMs: 900_000 })).toEqual({
      act: "ask",
      reason: "active",
    });
    expect(decide(back, after(HOUR_MS), { idleLimitMs: 900_000 })).toMatchObject({ act: "wait" });
    const signedOut = { ...back, known: "signed_out" } as const;
    expect(decide(signedOut, after(HOUR_MS), { cause: "active" })).toEqual({ act: "rest" });
  });

  it("takes the return of the user and what the page says of it for one", () => {
    const asked = { reason: "active", at: after(5_000) } as const;
    expect(decide({ asked }, after(5_999), { cause: "visible" })).toMatchObject({ act: "wait" });
  });

  it("counts the second that the server says at least as coming back at once (F33)", () => {
    expect(countSoon(1, { tokenState: { status: "fresh", askInMs: 1_000 } })).toBe(2);
    expect(countSoon(1, { tokenState: { status: "fresh", askInMs: 1_001 } })).toBe(0);
  });
});
