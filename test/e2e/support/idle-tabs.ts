/**
 * Several real tabs of a browser that nobody touches: how they are opened, which of them asks, and what each of them knows.
 */
import { expect, vi } from "vitest";

import type { Stage } from "./app.ts";
import type { Protocol } from "./devtools-protocol.ts";
import { answered, IDLE_ASK_MS, ROOM_MS, untilAsked, untilSettled } from "./idle.ts";
import type { RawTab } from "./raw-tab.ts";
import { newRawVisitor, type RawVisitor, type RawVisitorOptions } from "./raw-visitor.ts";
import { keepLive, knownOfToken, shownUser } from "./tab-scripts.ts";
import type { Person } from "./visitor.ts";

/** What they are opened with. */
export interface TabsOptions extends RawVisitorOptions {
  /** When an idle tab asks, in milliseconds from the token's start. */
  readonly askMs?: number;
}

/** A visitor with so many tabs that have heard of each other: those that open while a token is due may ask at once. */
export async function visitorWithTabs(
  protocol: Protocol,
  stage: Stage,
  person: Person,
  count: number,
  { askMs = IDLE_ASK_MS, ...options }: TabsOptions = {},
): Promise<RawVisitor> {
  const me = await newRawVisitor(protocol, stage, person, options);
  for (let open = 0; open < count; open++) await me.openTab("/protected");
  await untilAsked(me, answered(me) + 1, askMs);
  await untilSettled(me);
  return me;
}

/** The session requests since `from`, by the token that they brought. */
export function askedSince(me: RawVisitor, from: number): readonly (readonly string[])[] {
  const byToken = new Map<number | undefined, string[]>();
  for (const { session, reason, status } of me.sessionRequests.slice(from)) {
    const told = byToken.get(session?.accessTokenExpires) ?? [];
    told.push(`${reason ?? "next-auth"} ${status ?? "no answer"}`);
    byToken.set(session?.accessTokenExpires, told);
  }
  return [...byToken.values()];
}

/** The end of the newest token that an answer named, in epoch seconds. */
export function newestEnd(me: RawVisitor): number {
  return Math.max(...me.sessionRequests.map(({ session }) => session?.accessTokenExpires ?? 0));
}

/**
 * Waits until one of these tabs asks, and holds its answer back. It is still asking when this resolves to it, and the others
 * are as they were.
 */
export async function holdWhoAsks(tabs: readonly RawTab[], askMs: number = IDLE_ASK_MS): Promise<RawTab> {
  await Promise.all(tabs.map((tab) => tab.setFault("held")));
  const asking = (): readonly RawTab[] => tabs.filter(({ held }) => held.length > 0);
  await vi.waitFor(() => expect(asking()).not.toEqual([]), {
    timeout: askMs + ROOM_MS,
    interval: 20,
  });
  const [first, ...more] = asking();
  expect(more, "two ask at once").toEqual([]);
  await Promise.all(tabs.filter((tab) => tab !== first).map((tab) => tab.setFault(undefined)));
  return first!;
}

/**
 * Each tab itself knows the newest token that any of them was told of, and by its own clock that token lives on. Nothing is
 * asked of a server, which would renew by itself what a tab has missed.
 */
export async function expectAllKnow(me: RawVisitor, tabs: readonly RawTab[] = me.tabs): Promise<void> {
  for (const tab of tabs) {
    const check = async (): Promise<void> => {
      await tab.evaluate(keepLive);
      const known = await tab.evaluate(knownOfToken);
      expect(known, "the tab does not know the newest token").toMatchObject({
        expires: newestEnd(me),
        failures: 0,
      });
      expect(known?.leftMs, "the tab lets its token run out").toBeGreaterThan(0);
    };
    await vi.waitFor(check, { timeout: ROOM_MS, interval: 50 });
  }
}

/** Every tab shows that this user is signed in. */
export async function expectEach(tabs: readonly RawTab[], user: string): Promise<void> {
  const names = await Promise.all(tabs.map((tab) => tab.evaluate(shownUser)));
  expect(
    names.filter((name) => name?.includes(user) !== true),
    `not ${user}`,
  ).toEqual([]);
}

/** Nothing went wrong in these browsers. Closes them. */
export async function leaveWell(...people: readonly RawVisitor[]): Promise<void> {
  expect(people.flatMap(({ trouble }) => trouble)).toEqual([]);
  await Promise.all(people.map((each) => each.close()));
}
