/**
 * Several tabs of one browser, as browsers have them: one visible, the others hidden and throttled. One of them asks, all have
 * the answer, and the next takes over from one that is closed. What else befalls tabs is in `browser-tabs-trouble.test.ts`.
 */
import { expect, it, vi } from "vitest";

import { describeInChromium } from "./support/chromium.ts";
import { answered, idleAskMs, untilAsked, untilSettled } from "./support/idle.ts";
import { askedSince, expectAllKnow, holdWhoAsks, leaveWell, newestEnd } from "./support/idle-tabs.ts";
import type { RawVisitor } from "./support/raw-visitor.ts";
import { tabStage } from "./support/tab-stage.ts";
import { pause } from "./support/tabs.ts";
import { renewals, type Person } from "./support/visitor.ts";

const IS_FULL = process.env["NOLAPSE_FULL"] === "1";
const LIFETIMES = IS_FULL ? 10 : 3;
const COUNTS = IS_FULL ? [1, 5, 20] : [5];
/** How many there are where one is closed. */
const WITH_CLOSED = IS_FULL ? 20 : 3;
/**
 * A tab waits for another for half of what its token has left: 2.8 s of 16. Hidden tabs look at the clock once a second, all at
 * once, so that with a much shorter life a slow answer would make all of them ask.
 */
const TOKEN_TTL_SECONDS = IS_FULL ? 20 : 16;
const ASK_MS = idleAskMs(TOKEN_TTL_SECONDS);
/** Tabs that are open by then all know of the first token, and none is due. */
const IN_TIME_MS = TOKEN_TTL_SECONDS * 500 - 1_000;
/** When the tabs of those whose tab is closed are opened: with all at once, none of the others would be open in time. */
const LATER_MS = 9_000;
const LIMIT_MS = 180_000 + LIFETIMES * 20_000;

// All of them wait for the same time to pass.
vi.setConfig({ maxConcurrency: IS_FULL ? 1 : 2 });

describeInChromium("tabs that nobody touches", () => {
  // With a process for each tab, opening ten of them keeps two cores busy for longer than others can wait.
  const stage = tabStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS, sharesProcess: !IS_FULL });

  it.concurrent.each(COUNTS)(
    "send one session request per lifetime, %s of them, for two users (F14, F20, I19)",
    async (count) => {
      const people = await Promise.all([open("alice", count), open("bob", count)]);
      const from = people.map(({ sessionRequests }) => sessionRequests.length);
      const known = people.map(renewals);
      await Promise.all(people.map((me) => untilAsked(me, answered(me) + LIFETIMES, ASK_MS)));

      for (const [index, me] of people.entries()) {
        await untilSettled(me);
        const asked = askedSince(me, from[index] ?? 0);
        console.log(`${count} tabs, ${asked.length} lifetimes: ${asked.flat().length} session requests`);
        expect(asked).toEqual(asked.map(() => ["idle 200"]));
        expect(asked.length).toBeGreaterThanOrEqual(LIFETIMES);
        expect(renewals(me) - (known[index] ?? 0), "a request brought no new token").toBe(asked.length);
        await expectAllKnow(me);
      }
      await leaveWell(...people);
    },
    LIMIT_MS,
  );

  it.concurrent(
    `lose nothing when the one that asks is closed, ${WITH_CLOSED} of them, for two users (F20, X55, I19)`,
    async () => {
      await pause(LATER_MS);
      const people = await Promise.all(
        (["carol", "dave"] as const).map((person) => stage.tabsOf(person, WITH_CLOSED, { askMs: ASK_MS })),
      );
      await Promise.all(people.map(closeWhoAsks));
      await leaveWell(...people);
    },
    LIMIT_MS,
  );

  /** Tabs that open while a token is due may ask at once: where they are late, the next answer is waited for. */
  async function open(person: Person, count: number): Promise<RawVisitor> {
    const me = await stage.newcomer(person);
    const signedInMs = Date.now();
    for (let opened = 0; opened < count; opened++) await me.openTab("/protected");
    if (Date.now() - signedInMs < IN_TIME_MS) return me;
    await untilAsked(me, answered(me) + 1, ASK_MS);
    await untilSettled(me);
    return me;
  }
});

async function closeWhoAsks(me: RawVisitor): Promise<void> {
  const first = await holdWhoAsks(me.tabs, ASK_MS);
  const [from, had] = [me.sessionRequests.length - 1, answered(me)];
  const endsAtMs = newestEnd(me) * 1_000;
  await first.close();
  await untilAsked(me, had + 1, ASK_MS);
  await pause(1_500);
  await untilSettled(me);

  const [lost, next, ...more] = me.sessionRequests.slice(from);
  expect(lost).toMatchObject({ tab: first, canceled: true });
  expect(next?.status).toBe(200);
  expect(next?.tab).not.toBe(first);
  expect(next?.answeredAtMs, "the others waited until the token was over").toBeLessThan(endsAtMs);
  expect(more.length, "more than one took over").toBe(0);
  await expectAllKnow(
    me,
    me.tabs.filter((tab) => tab !== first),
  );
}
