/**
 * I19, liveness: when faults have stopped and there was time, every tab shows what is true, with a token that lives.
 *
 * @module
 */
import type { Checker } from "../../checker.ts";
import { HIDDEN_X_MS, X_MS } from "../bounds.ts";
import { isSame, type BrowserRecord } from "../history.ts";
import { judgeEachTab, type TabSeen } from "./tabs-seen.ts";

/** An answer that put another grant into the cookie jar. */
interface Change {
  readonly request: number;
  /** The newest request at that moment: whoever asks later asks by the new cookie. */
  readonly newest: number;
}

/** Looks once, at rest. */
export function convergence(): Checker<BrowserRecord> {
  let newest = 0;
  /** By browser: a change of which no tab knows, so that none can tell the others. */
  const untold = new Map<number, Change>();

  function see(record: BrowserRecord): undefined {
    const { kind, browser } = record;
    if (kind === "ask") newest = Math.max(newest, record.request);
    if (kind === "arrived" && record.before !== record.after)
      untold.set(browser, { request: record.request, newest });
    if (kind !== "took" || record.how === "said") return;
    const change = untold.get(browser);
    if (change && (record.request === change.request || record.request > change.newest))
      untold.delete(browser);
  }

  function problemOf(
    { name, shows, browser, knowsUntilMs, hasMissed, isVisible }: TabSeen,
    nowMs: number,
  ): string | undefined {
    const { truth } = browser;
    // Only NextAuth's message brings such a tab back, and it never came, or there was nobody to send it.
    const waitsForNews = shows !== undefined && (shows.user === null || shows.needsSignIn);
    if (truth === undefined || (waitsForNews && (hasMissed || untold.has(browser.index)))) return undefined;
    if (!isSame(shows, truth))
      return `${name} shows ${shows?.user ?? "nobody"}, and ${truth.user ?? "nobody"} is signed in`;
    // The timers of a hidden tab may fire less often than its token ends.
    const untilMs = knowsUntilMs + (isVisible ? 0 : HIDDEN_X_MS - X_MS);
    if (truth.user !== null && !truth.needsSignIn && untilMs <= nowMs)
      return `${name} has come to rest with a token that ended ${nowMs - knowsUntilMs} ms ago`;
    return undefined;
  }

  return judgeEachTab("I19 all come to rest", "rest", problemOf, see);
}
