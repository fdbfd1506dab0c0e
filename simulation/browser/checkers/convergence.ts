/**
 * I19, liveness: when faults have stopped and there was time, every tab shows what is true, with a token that lives.
 *
 * @module
 */
import type { Checker } from "../../checker.ts";
import { HIDDEN_X_MS, X_MS } from "../bounds.ts";
import { isSame, type BrowserRecord } from "../history.ts";
import { judgeEachTab, type TabSeen } from "./tabs-seen.ts";

/** Looks once, at rest. */
export function convergence(): Checker<BrowserRecord> {
  return judgeEachTab("I19 all come to rest", "rest", problemOf);
}

function problemOf(
  { name, shows, browser, knowsUntilMs, hasMissed, isVisible }: TabSeen,
  nowMs: number,
): string | undefined {
  const { truth } = browser;
  // Only NextAuth's message brings such a tab back, and it never came.
  const waitsForNews = hasMissed && shows !== undefined && (shows.user === null || shows.needsSignIn);
  if (waitsForNews || truth === undefined) return undefined;
  if (!isSame(shows, truth))
    return `${name} shows ${shows?.user ?? "nobody"}, and ${truth.user ?? "nobody"} is signed in`;
  // The timers of a hidden tab may fire less often than its token ends.
  const untilMs = knowsUntilMs + (isVisible ? 0 : HIDDEN_X_MS - X_MS);
  if (truth.user !== null && !truth.needsSignIn && untilMs <= nowMs)
    return `${name} has come to rest with a token that ended ${nowMs - knowsUntilMs} ms ago`;
  return undefined;
}
