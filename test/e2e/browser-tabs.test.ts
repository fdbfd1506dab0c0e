/**
 * Several tabs of one browser, in a real one: one of them asks, and all have the answer.
 */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it, vi } from "vitest";

import { startStage, type Stage } from "./support/app.ts";
import { describeInChromium, launchChromium } from "./support/chromium.ts";
import { expectOneRequestEach, IDLE_ASK_MS, ROOM_MS, TOKEN_TTL_SECONDS, untilAsked } from "./support/idle.ts";
import { callOrders, newTab, newVisitor, renewals, signIn, type Visitor } from "./support/visitor.ts";

const IS_FULL = process.env["NOLAPSE_FULL"] === "1";
const LIFETIMES = IS_FULL ? 10 : 3;
const COUNTS = IS_FULL ? [1, 5, 20] : [5];
const LIMIT_MS = 60_000 + LIFETIMES * 15_000;

describeInChromium("tabs that nobody touches", () => {
  let stage: Stage;
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
    stage = await startStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS });
  });
  afterAll(async () => {
    await browser.close();
    const { authorizationServer, api } = stage.servers;
    for (const server of [authorizationServer, api]) {
      expect(server.audit("refresh_token.reused")).toEqual([]);
      expect(server.audit("grant.revoked")).toEqual([]);
    }
    await stage.stop();
  });

  /** A visitor with so many tabs, each of which has asked for nothing yet: its session came with the page. */
  async function withTabs(person: "alice" | "bob", count: number): Promise<{ me: Visitor; tabs: Page[] }> {
    const me = await newVisitor(browser, stage);
    await signIn(me, person, "/protected");
    const tabs = [me.page];
    while (tabs.length < count) tabs.push(await newTab(me, "/protected"));
    return { me, tabs };
  }

  for (const count of COUNTS) {
    it(
      `send one session request per lifetime, ${count} of them, for two users (F14, I19)`,
      async () => {
        const people = [await withTabs("alice", count), await withTabs("bob", count)];
        const before = people.map(({ me }) => me.sessionRequests.length);
        await Promise.all(people.map(({ me }, index) => untilAsked(me, (before[index] ?? 0) + LIFETIMES)));

        for (const { me, tabs } of people) {
          // Tabs that opened while others were due may have asked at once.
          await expectOneRequestEach(me);
          expect(me.sessionRequests.length).toBeLessThanOrEqual(LIFETIMES + 1);
          const known = renewals(me);
          for (const tab of tabs) expect((await callOrders(tab)).ok).toBe(true);
          expect(renewals(me)).toBe(known);
          await me.close();
        }
      },
      LIMIT_MS,
    );
  }

  it(
    "replace the one that asks when it is closed, and lose nothing (F20, X55)",
    async () => {
      const { me, tabs } = await withTabs("alice", 3);
      const open = [...tabs];
      for (const lifetime of [1, 2]) {
        await untilAsked(me, lifetime);
        const { tab } = me.sessionRequests.findLast(({ session }) => session !== undefined)!;
        await tab.close();
        open.splice(open.indexOf(tab), 1);
      }
      await untilAsked(me, 3);

      expect(open).toHaveLength(1);
      expect((await callOrders(open[0]!)).ok).toBe(true);
      // At most one more at each change: a tab may be closed while it asks.
      expect(me.sessionRequests.length).toBeLessThanOrEqual(3 + 2);
      expect(me.trouble).toEqual([]);
      await me.close();
    },
    LIMIT_MS,
  );

  it(
    "tell each other neither a token nor who is signed in (SEC-06)",
    async () => {
      const { me, tabs } = await withTabs("bob", 2);
      const [listener] = tabs;
      await listener!.evaluate(() => {
        const heard: unknown[] = [];
        Object.assign(window, { heard });
        new BroadcastChannel("nolapse /api/auth/session").onmessage = ({ data }) => heard.push(data);
      });
      await untilAsked(me, 2);

      const heardBy = (): Promise<Record<string, unknown>[]> =>
        listener!.evaluate(() => (window as unknown as { heard: Record<string, unknown>[] }).heard);
      await vi.waitFor(
        async () => expect((await heardBy()).length).toBeGreaterThan(0),
        IDLE_ASK_MS + ROOM_MS,
      );
      for (const { kind, ...rest } of await heardBy()) {
        expect(["answer", "failed", "asking"]).toContain(kind);
        for (const value of Object.values(rest)) expect(value).toBeTypeOf("number");
      }
      await me.close();
    },
    LIMIT_MS,
  );
});
