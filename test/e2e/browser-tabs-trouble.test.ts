/**
 * What befalls the tabs of one browser: the one that asks is lost, they are offline, and the session route fails or never
 * answers. Nobody is signed out, nothing is lost, and no tab asks for itself alone.
 */
import { expect, it, vi } from "vitest";

import { describeInChromium } from "./support/chromium.ts";
import { answered, IDLE_ASK_MS, ROOM_MS, TOKEN_TTL_SECONDS, untilAsked } from "./support/idle.ts";
import { expectAllKnow, expectEach, holdWhoAsks, leaveWell, newestEnd } from "./support/idle-tabs.ts";
import type { RawTab } from "./support/raw-tab.ts";
import type { RawVisitor } from "./support/raw-visitor.ts";
import { heard, listen } from "./support/tab-scripts.ts";
import { tabStage } from "./support/tab-stage.ts";
import { pause } from "./support/tabs.ts";

const LIFETIME_MS = TOKEN_TTL_SECONDS * 1_000;
/** How long a tab waits for an answer: longer than a token lives here. */
const REQUEST_TIMEOUT_MS = 15_000;
const LIMIT_MS = 180_000;

// They wait most of the time, but real tabs are heavy: more at once, and two cores would make them and others late.
vi.setConfig({ maxConcurrency: 2 });

describeInChromium("tabs in trouble", () => {
  const stage = tabStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS });

  const ENDS = [
    { how: "closed", end: (tab: RawTab) => tab.close(), returns: false },
    { how: "crashed", end: (tab: RawTab) => tab.crash(), returns: false },
    { how: "frozen", end: (tab: RawTab) => tab.freeze(), returns: true },
  ].flatMap((lost) => [
    { ...lost, where: "before somebody's eyes", isHidden: false, most: 2 },
    // Chromium runs the timers of hidden tabs together, once a second: with so short a life those that wait stop waiting together.
    { ...lost, where: "where all are hidden", isHidden: true, most: 3 },
  ]);
  it.concurrent.each(ENDS)(
    "replace the one that is $how while it asks, $where, with $most requests at most and nothing lost (F20, X55, X56, I19)",
    async ({ end, returns, isHidden, most }) => {
      const me = await stage.tabsOf("alice", 3);
      const tabs = [...me.tabs];
      // Nobody becomes visible when one of them is gone, which would be a reason of its own to ask.
      if (isHidden) await (await me.openTab("about:blank")).show();
      const first = await holdWhoAsks(tabs);
      const left = tabs.filter((tab) => tab !== first);
      const [from, had] = [me.sessionRequests.length - 1, answered(me)];
      // The session tells it in whole seconds, rounded down.
      const endsAtMs = (newestEnd(me) + 1) * 1_000;
      if (!isHidden) await left[0]!.show();
      await end(first);
      await untilAsked(me, had + 1);
      await pause(1_500);

      const asked = me.sessionRequests.slice(from);
      const [lost, ...others] = asked;
      expect([lost?.tab, lost?.session]).toEqual([first, undefined]);
      expect(others.map(({ tab }) => tab)).not.toContain(first);
      // Of two that stop waiting together, one may give up its request for the other's answer.
      const next = others.find(({ session }) => session);
      expect(next?.status).toBe(200);
      expect(next?.answeredAtMs, "the others waited until the token was over").toBeLessThan(endsAtMs);
      expect(asked.length, asked.map(toText(me, lost!.atMs)).join("; ")).toBeLessThanOrEqual(most);
      await expectAllKnow(me, left);
      if (returns) {
        await first.setFault(undefined);
        await first.thaw();
        await expectAllKnow(me, tabs);
      }
      const before = me.sessionRequests.length;
      await untilAsked(me, answered(me) + 1);
      await pause(1_000);
      expect(me.sessionRequests.length - before, "the next lifetime").toBe(1);
      await expectAllKnow(me, returns ? tabs : left);
      await leaveWell(me);
    },
    LIMIT_MS,
  );

  it.concurrent(
    "offline while their token runs out, have a new one as soon as they are back, and one request does it (F23)",
    async () => {
      const me = await stage.tabsOf("bob", 3, {
        expects: (trouble) => trouble.includes("INTERNET_DISCONNECTED"),
      });
      await Promise.all(me.tabs.map((tab) => tab.setOffline(true)));
      await pause(LIFETIME_MS + 1_000);
      const from = me.sessionRequests.length;
      await expectEach(me.tabs, "Bob");
      await Promise.all(me.tabs.map((tab) => tab.setOffline(false)));
      await untilAsked(me, answered(me) + 1);
      await pause(1_500);

      expect(me.sessionRequests.slice(from).filter(({ session }) => session).length).toBeLessThanOrEqual(2);
      await expectAllKnow(me);
      await leaveWell(me);
    },
    LIMIT_MS,
  );

  it.concurrent(
    "share the back-off of a session route that fails for a whole lifetime, and sign nobody out (F30, F33)",
    async () => {
      const me = await stage.tabsOf("bob", 5, { expects: (trouble) => trouble.includes("503") });
      await Promise.all(me.tabs.map((tab) => tab.setFault("503")));
      const from = me.sessionRequests.length;
      await pause(LIFETIME_MS + 2_000);
      const failed = me.sessionRequests.length - from;
      await expectEach(me.tabs, "Bob");
      await Promise.all(me.tabs.map((tab) => tab.setFault(undefined)));
      await untilAsked(me, answered(me) + 1);

      expect(failed, "nobody tried again").toBeGreaterThanOrEqual(2);
      // One tab alone tries six times at most.
      expect(failed, "each tab tries for itself").toBeLessThanOrEqual(2 * 6);
      await expectAllKnow(me);
      await leaveWell(me);
    },
    LIMIT_MS,
  );

  it.concurrent(
    "whose session route never answers for a whole lifetime sign nobody out, and have a token once it does (F23, F30, F33)",
    async () => {
      const me = await stage.tabsOf("alice", 5);
      await Promise.all(me.tabs.map((tab) => tab.setFault("silent")));
      const from = me.sessionRequests.length;
      await pause(LIFETIME_MS + 2_000);
      const sent = me.sessionRequests.slice(from);
      await expectEach(me.tabs, "Alice");
      await Promise.all(me.tabs.map((tab) => tab.setFault(undefined)));

      console.log(`5 tabs, no answer for ${LIFETIME_MS + 2_000} ms: ${sent.length} session requests`);
      expect(sent.length, "nobody asked").toBeGreaterThanOrEqual(1);
      // Each may take the others for dead, and waits for its own request then.
      expect(sent.length, "a tab did not wait for its answer").toBeLessThanOrEqual(me.tabs.length);
      const check = (): void => expect(me.sessionRequests.at(-1)?.session).toBeDefined();
      await vi.waitFor(check, { timeout: REQUEST_TIMEOUT_MS + ROOM_MS });
      await expectAllKnow(me);
      await leaveWell(me);
    },
    LIMIT_MS,
  );

  it.concurrent(
    "tell each other neither a token nor who is signed in (SEC-06)",
    async () => {
      const me = await stage.tabsOf("bob", 2);
      await me.tabs[0]!.evaluate(listen);
      await untilAsked(me, answered(me) + 2);
      const told = (): Promise<readonly string[]> => me.tabs[0]!.evaluate(heard);
      await vi.waitFor(async () => expect((await told()).length).toBeGreaterThan(0), IDLE_ASK_MS + ROOM_MS);
      for (const message of await told())
        expect(message).toMatch(/^kind: (answer|failed|asking|active)(, \w+: number)+$/);
      await leaveWell(me);
    },
    LIMIT_MS,
  );
});

/** Who asked when, why, and what came of it. */
function toText(me: RawVisitor, sinceMs: number): (request: RawVisitor["sessionRequests"][number]) => string {
  return ({ tab, reason, atMs, answeredAtMs, status }) =>
    `tab ${me.tabs.indexOf(tab)} ${reason ?? "next-auth"} at ${atMs - sinceMs} ms: ${status ?? "no answer"} at ${(answeredAtMs ?? NaN) - sinceMs} ms`;
}
