/**
 * The tabs of one browser that stand still: frozen, in the back/forward cache, or asleep with the whole machine. And tabs on a
 * machine whose clock is set. They are right again at once, and one request does it for all.
 */
import { expect, it, vi } from "vitest";

import { describeInChromium } from "./support/chromium.ts";
import { answered, ROOM_MS, TOKEN_TTL_SECONDS, untilAsked, untilSettled } from "./support/idle.ts";
import { expectAllKnow, leaveWell } from "./support/idle-tabs.ts";
import { canSleep } from "./support/page-scripts.ts";
import type { RawTab } from "./support/raw-tab.ts";
import { focusWindow, notePageshow, setClock, sleepFor, wasPersisted } from "./support/tab-scripts.ts";
import { tabStage } from "./support/tab-stage.ts";
import { pause } from "./support/tabs.ts";

/** How many tabs sleep, freeze and wake together. */
const MANY = 20;
const LIFETIME_MS = TOKEN_TTL_SECONDS * 1_000;
const LIMIT_MS = 250_000;

// They wait most of the time, but real tabs are heavy: more at once, and two cores would make them and others late.
vi.setConfig({ maxConcurrency: 2 });

describeInChromium("tabs that stand still", () => {
  const stage = tabStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS });

  it.concurrent(
    `frozen for longer than a token lives, ${MANY} of them, ask together once when they wake (F22, F24, X57, I19)`,
    async () => {
      const people = [await stage.tabsOf("alice", MANY), await stage.tabsOf("bob", 1)] as const;
      const [me] = people;
      const from = me.sessionRequests.length;
      await Promise.all(me.tabs.map((tab) => tab.freeze()));
      await pause(LIFETIME_MS + 1_000);
      expect(me.sessionRequests.length, "a frozen tab asked").toBe(from);
      await Promise.all(me.tabs.map((tab) => tab.thaw()));
      await untilAsked(me, answered(me) + 1);
      await pause(1_500);
      await untilSettled(me);

      expect(me.sessionRequests.length - from).toBeLessThanOrEqual(2);
      await expectAllKnow(me);
      await leaveWell(...people);
    },
    LIMIT_MS,
  );

  it.concurrent(
    "left for longer than a token lives, and taken out of the back/forward cache, ask at once (F22, F24, X56)",
    async () => {
      const me = await stage.tabsOf("alice", 1, { forgetsNoStore: true });
      const [tab] = me.tabs as readonly [RawTab];
      await tab.evaluate(notePageshow);
      await tab.goto("about:blank");
      const from = me.sessionRequests.length;
      await pause(LIFETIME_MS + 1_000);
      expect(me.sessionRequests.length).toBe(from);
      await tab.goBack();
      const backMs = Date.now();
      await untilAsked(me, answered(me) + 1);

      expect(Date.now() - backMs, "asked late").toBeLessThan(ROOM_MS);
      expect(await tab.evaluate(wasPersisted), tab.notCachedBecause.join()).toBe(true);
      await expectAllKnow(me);
      await leaveWell(me);
    },
    LIMIT_MS,
  );

  it.concurrent(
    `asleep for hours, ${MANY} of them, ask together once when every event of waking comes at once (F22, F24, X57)`,
    async () => {
      const me = await stage.tabsOf("alice", MANY, { init: canSleep });
      const from = me.sessionRequests.length;
      await Promise.all(me.tabs.map((tab) => tab.evaluate(sleepFor, 8 * 3_600_000)));
      await untilAsked(me, answered(me) + 1);
      await pause(2_000);
      await untilSettled(me);

      expect(me.sessionRequests.length - from).toBeLessThanOrEqual(2);
      await expectAllKnow(me);
      await leaveWell(me);
    },
    LIMIT_MS,
  );
});

describeInChromium("tabs on a machine whose clock is set", () => {
  // The token is not due while this looks, and nothing but the clock is a reason to ask.
  const stage = tabStage({ tokenTtlSeconds: 90 });
  const HOUR_MS = 3_600_000;
  /** The longest time between two looks at the clocks. */
  const LOOK_MS = 15_000;

  it.concurrent.each([
    ["forward", HOUR_MS],
    ["back", -HOUR_MS],
  ])(
    "an hour %s ask once for all of them: at once where an event wakes one, else when they look next (F22, F26, I19)",
    async (_where, byMs) => {
      const me = await stage.newcomer("bob");
      for (let open = 0; open < 3; open++) await me.openTab("/protected");
      const front = me.tabs.at(-1)!;
      await front.show();
      await pause(1_000);
      expect(me.sessionRequests, "somebody asked before").toEqual([]);
      const set = (): Promise<unknown> => Promise.all(me.tabs.map((tab) => tab.evaluate(setClock, byMs)));

      for (const [wakes, withinMs] of [
        [() => front.evaluate(focusWindow), ROOM_MS],
        [() => undefined, LOOK_MS + ROOM_MS],
      ] as const) {
        const from = me.sessionRequests.length;
        await set();
        await wakes();
        await vi.waitFor(() => expect(answered(me)).toBe(from + 1), { timeout: withinMs });
        // As long as the last of the others may take to look.
        await pause(LOOK_MS + 1_500);
        expect(me.sessionRequests.length - from, "each tab asked for itself").toBe(1);
        await expectAllKnow(me);
      }
      await leaveWell(me);
    },
    LIMIT_MS,
  );
});
