/**
 * States that a set of runs has to reach at least once: silence about one that nobody reached would prove nothing.
 *
 * @module
 */
import type { BrowserRecord } from "./history.ts";

/** What each of them is. */
export const SOMETIMES = {
  adopted: "a tab took over what another one had asked for",
  waitedForLock: "a tab waited for the lock of another",
  lockFreed: "a tab was gone, or cached, while it held the lock",
  frozenHolder: "a tab was frozen while it asked",
  toldNewer: "a tab took over what NextAuth had got",
  oldCookie: "an answer of before came after the sign-in, and brought the old cookie back",
  leftAlone: "the answer of a session that had ended left a newer cookie alone",
  signOutMeanwhile: "a sign-out while another tab asked",
  userChanged: "a tab went from one user to another",
  signedOutByNews: "a tab learned of a sign-out from NextAuth's message",
  retried: "a tab asked again after a failure, and was answered",
  wokeExpired: "a machine woke after its token had ended",
  reauthentication: "a tab showed that only a new sign-in helps",
  retrying: "a tab was told that the server is trying again",
  cdnServed: "a CDN had to ask the server although it had just been asked",
} as const;

/** The name of one. */
export type Sometimes = keyof typeof SOMETIMES;

/** Nothing seen yet. */
export function noCoverage(): Record<Sometimes, number> {
  return Object.fromEntries(Object.keys(SOMETIMES).map((name) => [name, 0])) as Record<Sometimes, number>;
}

/** Counts in a history what can be seen there. */
export function countStates(records: readonly BrowserRecord[], into: Record<Sometimes, number>): void {
  const shown = new Map<string, string | null>();
  const answered = new Map<number, Extract<BrowserRecord, { kind: "answered" }>>();
  const expires = new Map<number, number>();
  const reasons = new Map<number, string>();
  const announced = new Set<string>();
  for (const record of records) {
    if (record.kind === "ask" && record.by === "client") reasons.set(record.request, record.reason);
    if (record.kind === "answered") answered.set(record.request, record);
    if (record.kind === "adopted") into.adopted++;
    if (record.kind === "announced" && !record.lost) announced.add(record.tab);
    if (record.kind === "fault" && record.what.startsWith("a CDN")) into.cdnServed++;
    if (record.kind === "arrived" && !record.cached) {
      const answer = answered.get(record.request);
      const isRead = answer?.action === "session";
      if (isRead && !answer.isLive && record.before !== "" && record.before !== answer.handle)
        into.leftAlone++;
      if (isRead && answer.isLive && record.after === answer.handle && record.before !== record.after)
        into.oldCookie++;
    }
    if (
      record.kind === "machine" &&
      record.what === "awake" &&
      (expires.get(record.browser) ?? Infinity) < record.atMs
    )
      into.wokeExpired++;
    if (record.kind === "took") {
      expires.set(record.browser, record.expires * 1_000);
      if (record.how === "told") into.toldNewer++;
      if (record.how === "answer" && reasons.get(record.request) === "retry") into.retried++;
      if (record.seen.needsSignIn) into.reauthentication++;
      else if (record.seen.user !== null && !record.isFresh) into.retrying++;
    }
    if (record.kind !== "shows") continue;
    const user = record.seen?.user ?? null;
    const before = shown.get(record.tab);
    if (before != null && user !== null && before !== user) into.userChanged++;
    if (before != null && user === null && announced.has(record.tab)) into.signedOutByNews++;
    shown.set(record.tab, user);
  }
}
