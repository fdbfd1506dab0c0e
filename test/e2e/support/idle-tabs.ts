/**
 * Several real tabs of a browser that nobody touches: how they are opened, which of them asks, and what each of them knows.
 */
import { expect, vi } from "vitest";

import type { Stage } from "./app.ts";
import type { Protocol } from "./devtools-protocol.ts";
import { answered, IDLE_ASK_MS, ROOM_MS, untilAsked, untilSettled } from "./idle.ts";
import type { RawTab } from "./raw-tab.ts";
import { newRawVisitor, type RawVisitor, type RawVisitorOptions } from "./raw-visitor.ts";
import type { Person } from "./visitor.ts";

/** A visitor with so many tabs that have heard of each other: those that open while a token is due may ask at once. */
export async function visitorWithTabs(
  protocol: Protocol,
  stage: Stage,
  person: Person,
  count: number,
  { askMs = IDLE_ASK_MS, ...options }: RawVisitorOptions & { readonly askMs?: number } = {},
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

interface Known {
  readonly expires: number;
  readonly failures: number;
  readonly leftMs: number;
}

interface Fiber {
  readonly return: Fiber | null;
  readonly memoizedProps: {
    readonly value?: {
      readonly scheduler?: {
        readonly peer: {
          latest(): { readonly accessTokenExpires?: number } | null;
          state(): {
            readonly failures: number;
            readonly askInMs: number;
            readonly spareMs: number;
            readonly answeredAt: { readonly monotonicMs: number };
          };
        };
      };
    };
  } | null;
}

/**
 * What the tab's own scheduler knows, found where React keeps the value that nolapse's provider gives to what is below it: no
 * part of a page shows it, as a renewal renders nothing. Runs in the page.
 */
function knownOfToken(): Known | undefined {
  const user = document.querySelector('[data-testid="user"]') as unknown as Record<string, Fiber> | null;
  const name = Object.keys(user ?? {}).find((key) => key.startsWith("__reactFiber"));
  let fiber: Fiber | null | undefined = name === undefined ? undefined : user?.[name];
  while (fiber && !fiber.memoizedProps?.value?.scheduler) fiber = fiber.return;
  const peer = fiber?.memoizedProps?.value?.scheduler?.peer;
  if (!peer) return undefined;
  const { failures, askInMs, spareMs, answeredAt } = peer.state();
  return {
    expires: peer.latest()?.accessTokenExpires ?? 0,
    failures,
    leftMs: askInMs + spareMs - (performance.now() - answeredAt.monotonicMs),
  };
}
