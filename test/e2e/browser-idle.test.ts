/**
 * Pages that nobody touches, in a real browser: each token is renewed by one session request, whatever the clocks say,
 * and nothing on the page moves.
 */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it, vi } from "vitest";

import { startStage, type Stage } from "./support/app.ts";
import { describeInChromium, launchChromium } from "./support/chromium.ts";
import {
  answered,
  expectOneRequestEach,
  IDLE_ASK_MS,
  ROOM_MS,
  TOKEN_TTL_SECONDS,
  untilAsked,
} from "./support/idle.ts";
import {
  canSleep,
  commits,
  countCommits,
  fallAsleep,
  hide,
  recordStreams,
  scrollDown,
  scrolled,
  shiftClock,
  streams,
  wakeUp,
  watched,
  watchFor,
} from "./support/page-scripts.ts";
import { pause } from "./support/tabs.ts";
import {
  callOrders,
  hydrated,
  newVisitor,
  renewals,
  shownName,
  signIn,
  type Visitor,
  type VisitorOptions,
} from "./support/visitor.ts";

const IS_FULL = process.env["NOLAPSE_FULL"] === "1";
/** How many tokens a page renews while nobody touches it. */
const IDLE_LIFETIMES = IS_FULL ? 10 : 3;
/** Whose. Those who signed in at the backend, as dave did, are among the others here. */
const IDLE_PEOPLE = IS_FULL ? (["alice", "dave"] as const) : (["alice"] as const);
/** The same where something else is looked at. */
const LIFETIMES = IS_FULL ? 6 : 2;
/** How many are renewed while somebody types. */
const TYPED_LIFETIMES = IS_FULL ? 10 : 2;
const SCROLLED_PX = 60;
const HOUR_MS = 3_600_000;
const LIMIT_MS = 60_000 + IDLE_LIFETIMES * 15_000;

// They wait most of the time, and each has up to three pages: more at once, and two cores would make them late.
vi.setConfig({ maxConcurrency: 5 });

describeInChromium("a page that nobody touches", () => {
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

  const visitor = (options?: VisitorOptions): Promise<Visitor> => newVisitor(browser, stage, options);

  for (const person of IDLE_PEOPLE) {
    it.concurrent(
      `lives ${IDLE_LIFETIMES} lifetimes with one session request each: ${person} (F20, F24, F27)`,
      { timeout: LIMIT_MS },
      async () => {
        const me = await visitor({ init: { script: countCommits } });
        await signIn(me, person, "/protected");
        await watchFor(me.page, ["sign-in", "reauth-prompt"]);
        const shown = me.shown.length;
        const committed = await commits(me.page);
        expect(committed, "commits are not counted").toBeGreaterThan(0);

        await untilAsked(me, IDLE_LIFETIMES);

        await expectOneRequestEach(me);
        expect(renewals(me)).toBe(IDLE_LIFETIMES);
        expect(await watched(me.page), "a renewal changed the page").toEqual([]);
        expect(await commits(me.page), "a renewal rendered something").toBe(committed);
        expect(me.shown.length, "the page was loaded again").toBe(shown);
        const orders = await callOrders(me.page);
        expect(orders.ok).toBe(true);
        expect(orders.tokenLeftMs).toBeGreaterThan(0);
        expect(renewals(me), "the token in hand was not good enough").toBe(IDLE_LIFETIMES);
        await me.close();
      },
    );
  }

  it.concurrent(
    `leaves a form that is being typed in alone, ${TYPED_LIFETIMES} lifetimes long: its text, focus, place and renders (F36)`,
    { timeout: LIMIT_MS },
    async () => {
      const people = [
        [await visitor({ init: { script: countCommits } }), "bob"],
        [await visitor({ init: { script: countCommits } }), "carol"],
      ] as const;
      for (const [me, person] of people) {
        await me.page.setViewportSize({ width: 1280, height: 500 });
        await signIn(me, person, "/action");
      }

      await Promise.all(
        people.map(async ([me]) => {
          const note = await hydrated(me.page.getByTestId("note"));
          await note.click();
          await note.evaluate((field) => Object.assign(field, { testSame: true }));
          await me.page.keyboard.type("a");
          await scrollDown(me.page, SCROLLED_PX);
          let text = "a";
          let keys = 0;
          const before = await commits(me.page);
          const endMs = Date.now() + TYPED_LIFETIMES * (IDLE_ASK_MS + ROOM_MS);
          while (answered(me) < TYPED_LIFETIMES && Date.now() < endMs) {
            // Not longer than a line, so that nothing scrolls because of it.
            const key = text.length < 40 ? "s" : "Backspace";
            await me.page.keyboard.press(key);
            text = key === "s" ? text + key : text.slice(0, -1);
            keys += 1;
            await pause(100);
          }

          await expectOneRequestEach(me);
          expect(renewals(me)).toBeGreaterThanOrEqual(TYPED_LIFETIMES);
          expect(await note.inputValue()).toBe(text);
          expect(await note.evaluate((field) => field === document.activeElement)).toBe(true);
          expect(await note.evaluate((field) => "testSame" in field), "the field was made anew").toBe(true);
          expect(await scrolled(me.page)).toEqual({ topPx: SCROLLED_PX, times: 0 });
          // One for each key, and none for a renewal.
          expect((await commits(me.page)) - before).toBe(keys);
          await me.close();
        }),
      );
    },
  );

  it.concurrent(
    "asks as often with a clock that is an hour ahead or behind as with the right one (F26)",
    { timeout: LIMIT_MS },
    async () => {
      const clocks = [0, HOUR_MS, -HOUR_MS];
      const people = await Promise.all(
        clocks.map((argument) => visitor({ init: { script: shiftClock, argument } })),
      );
      for (const [index, person] of (["alice", "bob", "carol"] as const).entries())
        await signIn(people[index]!, person, "/protected");
      for (const [index, { page }] of people.entries()) {
        const offMs = (await page.evaluate(() => Date.now())) - Date.now();
        expect(Math.abs(offMs - clocks[index]!), "the clock is not off").toBeLessThan(10_000);
      }

      const before = people.map(answered);
      await Promise.all(people.map((me, index) => untilAsked(me, before[index]! + LIFETIMES)));

      const counts = people.map((me, index) => answered(me) - before[index]!);
      expect(Math.max(...counts) - Math.min(...counts), counts.join()).toBeLessThanOrEqual(1);
      await Promise.all(people.map(expectOneRequestEach));
      await Promise.all(people.map((me) => me.close()));
    },
  );

  const sleeps = [
    [
      "both clocks jump and every event comes at once",
      HOUR_MS,
      ["visibilitychange", "focus", "pageshow", "online"],
    ],
    ["the monotonic clock stood still", 0, ["focus", "visibilitychange"]],
    ["no event tells of it", 0, []],
  ] as const;
  it.concurrent(
    "asks once when it wakes from a sleep longer than the token's life, and goes on as before (F22, F24)",
    { timeout: LIMIT_MS },
    async () => {
      const people = await Promise.all(sleeps.map(() => visitor({ init: { script: canSleep } })));

      await Promise.all(
        people.map(async (me, index) => {
          const [how, monotonicMs, events] = sleeps[index]!;
          await signIn(me, (["bob", "alice", "dave"] as const)[index]!, "/protected");
          await fallAsleep(me.page);
          const before = me.sessionRequests.length;
          await pause(TOKEN_TTL_SECONDS * 1000 + 1_000);
          expect(me.sessionRequests.length, "it does not sleep").toBe(before);

          await wakeUp(me.page, { wallMs: HOUR_MS, monotonicMs, events });
          await vi.waitFor(() => expect(answered(me), how).toBe(before + 1), {
            timeout: 10_000,
          });
          await pause(3_000);

          expect(me.sessionRequests.length, `${how}: more than one request`).toBe(before + 1);
          expect(renewals(me)).toBe(before + 1);
          const { session } = me.sessionRequests[before]!;
          expect(session?.accessTokenExpiresIn).toBeGreaterThan(TOKEN_TTL_SECONDS / 2);
          await untilAsked(me, before + 2);
          expect(me.sessionRequests[before + 1]?.reason).toBe("idle");
          expect(await shownName(me.page)).not.toBeNull();
          expect(me.trouble).toEqual([]);
          await me.close();
        }),
      );
    },
  );

  it.concurrent(
    "shows the renewals on the live page as they come, and follows only while it is visible",
    { timeout: LIMIT_MS },
    async () => {
      const [me, other] = [await visitor(), await visitor()];
      for (const each of [me, other]) {
        await each.context.addInitScript(canSleep);
        await each.context.addInitScript(recordStreams);
      }
      await signIn(me, "carol", "/live");
      await signIn(other, "bob", "/live");
      const counter = async (tab: Visitor, name: string): Promise<number> =>
        Number(await tab.page.getByTestId(`counter-${name}`).textContent());
      await me.page.locator('[data-testid="timeline"] .recharts-area-curve').waitFor();
      expect(await streams(me.page)).toEqual({ opened: 1, open: 1 });
      const [renewedBefore, answeredBefore] = [await counter(me, "refreshes"), await counter(me, "answered")];

      await (await hydrated(me.page.getByTestId("call-many"))).click();
      await vi.waitFor(async () => expect(await counter(me, "answered")).toBe(answeredBefore + 20), {
        timeout: 20_000,
      });
      await vi.waitFor(async () => expect(await counter(me, "refreshes")).toBeGreaterThan(renewedBefore), {
        timeout: IDLE_ASK_MS + ROOM_MS,
      });
      await me.page.getByTestId("event-log").getByText("Renewed for an idle tab").first().waitFor();
      expect(await counter(me, "refused")).toBe(0);
      expect(await counter(other, "answered"), "another user's calls were counted").toBe(0);

      await hide(me.page, true);
      expect((await streams(me.page)).open, "a hidden page still listens").toBe(0);
      const hiddenAt = await counter(me, "refreshes");
      await untilAsked(me, me.sessionRequests.length + 1);
      await hide(me.page, false);
      await vi.waitFor(async () => expect(await counter(me, "refreshes")).toBeGreaterThan(hiddenAt), {
        timeout: 10_000,
      });
      expect(await streams(me.page)).toEqual({ opened: 2, open: 1 });
      expect([...me.trouble, ...other.trouble]).toEqual([]);
      await Promise.all([me.close(), other.close()]);
    },
  );
});
