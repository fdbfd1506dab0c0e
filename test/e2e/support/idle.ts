/**
 * What is expected of a page that nobody touches, with tokens that live 12 seconds.
 */
import { expect, vi } from "vitest";

import { renewals, type Account } from "./visitor.ts";

/** Life of an access token in these tests. */
export const TOKEN_TTL_SECONDS = 12;
/** An idle tab asks 0.7 of the lead time before the end, which is half of so short a life: after 7.8 s. */
export const IDLE_ASK_MS: number = idleAskMs(TOKEN_TTL_SECONDS);
/** What is added so that many tabs do not ask in the same second, and what a busy machine takes. */
export const ROOM_MS = 3_500;

/** When an idle tab asks for the successor of a token with a short life, in milliseconds from the token's start. */
export function idleAskMs(ttlSeconds: number): number {
  return ttlSeconds * 1000 * (1 - 0.7 / 2);
}

/** How many of the visitor's session requests brought a session. */
export function answered({ sessionRequests }: Account): number {
  return sessionRequests.filter(({ session }) => session !== undefined).length;
}

/** Waits until the visitor's page has asked so many times in all, and has its answers. */
export function untilAsked(me: Account, count: number, askMs: number = IDLE_ASK_MS): Promise<void> {
  const check = (): void => expect(answered(me)).toBeGreaterThanOrEqual(count);
  return vi.waitFor(check, { timeout: count * (askMs + ROOM_MS), interval: 50 });
}

/** Waits until no session request of the visitor is under way. */
export function untilSettled(me: Account): Promise<void> {
  const open = (): number =>
    me.sessionRequests.filter(({ session, canceled }) => !session && !canceled).length;
  const check = (): void => expect(open(), "no answer").toBe(0);
  return vi.waitFor(check, { timeout: ROOM_MS, interval: 20 });
}

/** As many new tokens as session requests, each asked for while its predecessor was good, and nothing went wrong. */
export async function expectOneRequestEach(me: Account): Promise<void> {
  const { sessionRequests: asked } = me;
  await untilSettled(me);
  const lifetimes = asked.length;
  expect(asked.map(({ reason, status }) => `${reason ?? "next-auth"} ${status ?? "no answer"}`)).toEqual(
    Array.from({ length: lifetimes }, () => "idle 200"),
  );
  expect(renewals(me)).toBe(lifetimes);
  const ends = asked.map(({ session }) => session?.accessTokenExpires ?? 0);
  expect(new Set(ends).size, "a request brought no new token").toBe(lifetimes);
  for (const [index, { atMs, session }] of asked.entries()) {
    expect(session?.error).toBeUndefined();
    const before = asked[index - 1];
    if (before === undefined) continue;
    const gapMs = atMs - (before.answeredAtMs ?? before.atMs);
    expect(gapMs, "asked too early").toBeGreaterThan(IDLE_ASK_MS - 1_500);
    expect(atMs, "asked when the token had run out").toBeLessThan((ends[index - 1] ?? 0) * 1000);
  }
  expect(me.trouble).toEqual([]);
}
