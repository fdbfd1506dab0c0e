import { describe, expect, it } from "vitest";
import { foresee } from "../../src/client/sign-in-soon.ts";
import { activeAtOf, afterNews, type SharedNews } from "../../src/client/tab-news.ts";
import { after, signedIn } from "./signed-in.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const settings = { idleLimitMs: 15 * MINUTE_MS, warnBeforeMs: MINUTE_MS };

describe("what is foreseen", () => {
  it("is the idle limit, from the time before it on that the app chose (F29)", () => {
    expect(foresee(signedIn, after(14 * MINUTE_MS - 1), settings)).toBeNull();
    expect(foresee(signedIn, after(14 * MINUTE_MS), settings)).toEqual({ reason: "idle", leftMs: MINUTE_MS });
    expect(foresee(signedIn, after(16 * MINUTE_MS), settings)).toEqual({
      reason: "idle",
      leftMs: -MINUTE_MS,
    });
  });

  it("is the end that the server named, also where only an open tab counts (F28)", () => {
    const ending = { ...signedIn, endsInMs: 5 * MINUTE_MS };
    const always = { ...settings, idleLimitMs: Infinity };
    expect(foresee(ending, after(4 * MINUTE_MS - 1), always)).toBeNull();
    expect(foresee(ending, after(4 * MINUTE_MS), always)).toEqual({
      reason: "session_end",
      leftMs: MINUTE_MS,
    });
  });

  it("is whichever comes first", () => {
    const at = after(14.5 * MINUTE_MS);
    expect(foresee({ ...signedIn, endsInMs: 14.9 * MINUTE_MS }, at, settings)?.reason).toBe("session_end");
    expect(foresee({ ...signedIn, endsInMs: 15.1 * MINUTE_MS }, at, settings)?.reason).toBe("idle");
  });

  it("is nothing where nobody is signed in", () => {
    for (const known of ["signed_out", "unknown"] as const)
      expect(foresee({ ...signedIn, known, endsInMs: 0 }, after(HOUR_MS), settings)).toBeNull();
  });

  it("goes by the clock that moved more, because the other one may have slept (F22)", () => {
    expect(foresee(signedIn, after(8 * HOUR_MS, 10), settings)).toMatchObject({ reason: "idle" });
    expect(foresee(signedIn, after(-HOUR_MS, 15 * MINUTE_MS), settings)).toEqual({
      reason: "idle",
      leftMs: 0,
    });
  });

  it.each([HOUR_MS, -HOUR_MS])(
    "of the server's end waits for its answer after the clock was set by %i ms (F26)",
    (jumpMs) => {
      const ending = { ...signedIn, endsInMs: 30 * MINUTE_MS };
      const always = { ...settings, idleLimitMs: Infinity };
      const now = after(29.5 * MINUTE_MS + jumpMs, 29.5 * MINUTE_MS);
      expect(foresee(ending, now, always)).toBeNull();
      // No answer, or nothing that the tab would ask for: its own clocks are all there is.
      expect(foresee({ ...ending, failures: 1 }, now, always)).toMatchObject({ reason: "session_end" });
      expect(foresee({ ...ending, askInMs: Infinity }, now, always)).toMatchObject({ reason: "session_end" });
    },
  );
});

describe("another tab's answer", () => {
  const news: SharedNews = {
    kind: "answer",
    atMs: 0,
    who: 1,
    view: 1,
    expires: 1,
    askInMs: 1,
    spareMs: 1,
    endsInMs: HOUR_MS,
    soon: 0,
  };

  it("can put the end off, as the server's does, and a forged one can sign nobody out (F28)", () => {
    const ending = { ...signedIn, endsInMs: 30 * MINUTE_MS };
    const now = after(10 * MINUTE_MS);
    expect(afterNews(ending, news, now, 0)).toMatchObject({ endsInMs: HOUR_MS, answeredAt: now });
    expect(afterNews(ending, { ...news, endsInMs: 0 }, now, 0).endsInMs).toBe(20 * MINUTE_MS);
  });
});

describe("another tab's activity", () => {
  it("counts from when it was, by both clocks of this tab", () => {
    const now = after(HOUR_MS, 5_000);
    expect(activeAtOf(now.wallMs - 3_000, now)).toEqual(after(HOUR_MS - 3_000, 2_000));
  });

  it("counts as now at most, and not at all from the future (X59)", () => {
    const now = after(HOUR_MS);
    expect(activeAtOf(now.wallMs + 1, now)).toEqual(now);
    expect(activeAtOf(now.wallMs + HOUR_MS, now)).toBeUndefined();
    expect(activeAtOf(Number.MAX_SAFE_INTEGER, now)).toBeUndefined();
  });
});
