/**
 * An answer that comes late to one tab of a browser, while another tab signs out or signs in as somebody else: it brings nobody
 * back, not even for a moment (I13).
 */
import { expect, it, vi } from "vitest";

import { describeInChromium } from "./support/chromium.ts";
import { ROOM_MS, TOKEN_TTL_SECONDS } from "./support/idle.ts";
import { expectAllKnow, expectEach, holdWhoAsks, leaveWell } from "./support/idle-tabs.ts";
import type { RawTab } from "./support/raw-tab.ts";
import type { RawVisitor } from "./support/raw-visitor.ts";
import {
  announce,
  callUpdate,
  clickSignOut,
  isSignedOut,
  keepLive,
  notedUsers,
  noteUsers,
  ordersAnswered,
  shownUser,
  updated,
} from "./support/tab-scripts.ts";
import { tabStage } from "./support/tab-stage.ts";
import { pause } from "./support/tabs.ts";

const CHANGE_LIMIT_MS = 20_000;
/** What a page shows wrongly, it would show by then; what it doubts, it has asked for. */
const AFTER_MS = 3_500;
const LIMIT_MS = 120_000;

// They wait most of the time, but real tabs are heavy: more at once, and two cores would make them and others late.
vi.setConfig({ maxConcurrency: 2 });

/** Makes a tab of two ask, and holds the answer back, which is about who is signed in until now. Resolves to that tab and the other. */
type Hold = (me: RawVisitor) => Promise<readonly [late: RawTab, quick: RawTab]>;

const OLDER: readonly (readonly [what: string, hold: Hold])[] = [
  [
    "its idle request",
    async ({ tabs }) => {
      const late = await holdWhoAsks(tabs);
      return [late, tabs.find((tab) => tab !== late)!];
    },
  ],
  ["its update()", holdAfter((late) => late.evaluate(callUpdate))],
  ["a request of next-auth's own", holdAfter((_late, quick) => quick.evaluate(announce))],
];

describeInChromium("a tab whose answer comes late", () => {
  const stage = tabStage({ tokenTtlSeconds: TOKEN_TTL_SECONDS });

  it.concurrent.each(OLDER)(
    "stays signed out when %s is answered after the sign-out in another tab (F18, I13)",
    async (_what, hold) => {
      const people = [await stage.tabsOf("alice", 2), await stage.tabsOf("bob", 1)] as const;
      const [me, other] = people;
      const [late, quick] = await hold(me);
      stage.signedOut.add(me.grant);
      await quick.show();
      await quick.evaluate(clickSignOut);
      await untilIn(me.tabs, isSignedOut, true);
      await expectUnmoved(late, ["nobody"]);

      for (const tab of me.tabs) {
        expect(await tab.evaluate(isSignedOut), "the session came back").toBe(true);
        expect(await tab.evaluate(ordersAnswered)).toBe(false);
      }
      await expectAllKnow(other);
      await leaveWell(other);
      await me.close();
    },
    LIMIT_MS,
  );

  it.concurrent.each(OLDER)(
    "shows who is signed in when %s is answered after another user's sign-in in another tab (F43, I13)",
    async (_what, hold) => {
      const me = await stage.tabsOf("bob", 2);
      const [late, quick] = await hold(me);
      await me.signInAs("alice");
      await quick.show();
      await quick.goto("/protected");
      const name = await quick.evaluate(shownUser);
      expect(name).toContain("Alice");
      await untilIn(me.tabs, shownUser, name);
      await expectUnmoved(late, [name]);

      await expectEach(me.tabs, "Alice");
      for (const tab of me.tabs) expect(await tab.evaluate(ordersAnswered)).toBe(true);
      await expectAllKnow(me);
      await leaveWell(me);
    },
    LIMIT_MS,
  );
});

function holdAfter(ask: (late: RawTab, quick: RawTab) => Promise<void>): Hold {
  return async ({ tabs }) => {
    const [late, quick] = tabs as readonly [RawTab, RawTab];
    expect(await late.evaluate(keepLive), "the page has no live session").toBe(true);
    await late.setFault("held");
    await ask(late, quick);
    await vi.waitFor(() => expect(late.held).toHaveLength(1), { timeout: ROOM_MS, interval: 20 });
    return [late, quick];
  };
}

async function untilIn<Result>(
  tabs: readonly RawTab[],
  script: () => Result,
  expected: Result,
): Promise<void> {
  for (const tab of tabs)
    await vi.waitFor(async () => expect(await tab.evaluate(script)).toBe(expected), {
      timeout: CHANGE_LIMIT_MS,
    });
}

/** Lets the late answer come, which changes nothing that the tab shows; where it was that of `update()`, that is told of nobody. */
async function expectUnmoved(late: RawTab, shown: readonly unknown[]): Promise<void> {
  expect(late.held, "the answer has come already").toHaveLength(1);
  await late.evaluate(noteUsers);
  await late.setFault(undefined);
  await pause(AFTER_MS);
  expect(await late.evaluate(notedUsers), "the older answer was shown").toEqual(shown);
  expect([undefined, "null"], "update() gave the older answer").toContain(await late.evaluate(updated));
}
