/**
 * Tabs that are hidden for so long that Chromium runs timers of some of them once a minute: by itself, a minute after the tab
 * was hidden.
 */
import { expect, it, vi } from "vitest";

import { describeInChromium } from "./support/chromium.ts";
import { askedSince, expectAllKnow, leaveWell, newestEnd } from "./support/idle-tabs.ts";
import { tabStage } from "./support/tab-stage.ts";
import { pause } from "./support/tabs.ts";

/** An idle tab has to be due for more than a minute before its token ends: 0.7 of half a life is 63 s. */
const TOKEN_TTL_SECONDS = 180;
const LIFETIMES = 2;
const LIMIT_MS = 60_000 + LIFETIMES * TOKEN_TTL_SECONDS * 1_000;
const MINUTE_MS = 60_000;

describeInChromium("tabs that have been hidden for long", () => {
  const stage = tabStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS });

  it(
    `ask one for all in each of ${LIFETIMES} lifetimes, and before the token ends, also where timers run once a minute (F20, F22, I19)`,
    async () => {
      const me = await stage.newcomer("alice");
      for (let open = 0; open < 5; open++) await me.openTab("/protected");
      const hidden = [...me.tabs];
      await (await me.openTab("about:blank")).show();
      const states = hidden.map((tab) => tab.evaluate(() => document.visibilityState));
      expect(await Promise.all(states)).toEqual(hidden.map(() => "hidden"));
      await Promise.all(hidden.map((tab) => tab.evaluate(recordTimers)));

      const endsAtMs: number[] = [];
      const check = (): void => {
        const end = newestEnd(me) * 1_000;
        if (end > 0 && end !== endsAtMs.at(-1)) endsAtMs.push(end);
        expect(endsAtMs.length).toBe(LIFETIMES);
      };
      await vi.waitFor(check, { timeout: LIMIT_MS, interval: 500 });
      await pause(2_000);

      const gapsMs = await Promise.all(hidden.map((tab) => tab.evaluate(longestGapMs)));
      console.log(`longest time between two timers of each tab, in ms: ${gapsMs.join()}`);
      // Which of them it slows down so far is the browser's own affair: never all of them, as measured.
      expect(Math.max(...gapsMs), "the browser slowed none of them down").toBeGreaterThan(0.8 * MINUTE_MS);
      expect(askedSince(me, 0)).toEqual(endsAtMs.map(() => ["idle 200"]));
      for (const [index, { answeredAtMs }] of me.sessionRequests.entries())
        if (index > 0) expect(answeredAtMs, "asked too late").toBeLessThan(endsAtMs[index - 1]!);
      await expectAllKnow(me, hidden);
      await leaveWell(me);
    },
    LIMIT_MS,
  );
});

// These run in the page, and may use nothing from outside themselves.

function recordTimers(): void {
  const page = window as unknown as { testLongestGapMs: number };
  page.testLongestGapMs = 0;
  let lastMs = performance.now();
  const next = (): void => {
    page.testLongestGapMs = Math.max(page.testLongestGapMs, performance.now() - lastMs);
    lastMs = performance.now();
    setTimeout(next, 200);
  };
  next();
}

function longestGapMs(): number {
  return Math.round((window as unknown as { testLongestGapMs: number }).testLongestGapMs);
}
