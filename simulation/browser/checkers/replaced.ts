/**
 * I19: no tab is the leader for good. While a visible tab runs that nothing hinders, the token of its browser is renewed in
 * time, whoever was closed, frozen or throttled while it asked; and after a sleep there is a fresh one within Y.
 *
 * @module
 */
import type { Checker } from "../../checker.ts";
import { PAUSE_OVER_MS, Y_MS } from "../bounds.ts";
import type { BrowserRecord } from "../history.ts";
import { judgeEachTab, type TabSeen } from "./tabs-seen.ts";

/** Looks at each visible tab. */
export function replacedInTime(): Checker<BrowserRecord> {
  function problemOf(
    { name, shows, knowsUntilMs, sinceMs, isVisible, browser }: TabSeen,
    nowMs: number,
  ): string | undefined {
    if (!isVisible || shows === undefined || shows.user === null || shows.needsSignIn) return undefined;
    const runsSinceMs = Math.max(sinceMs, browser.sinceMs);
    if (browser.hinderedUntilMs > runsSinceMs - PAUSE_OVER_MS) return undefined;
    const fromMs = Math.max(knowsUntilMs, runsSinceMs);
    if (nowMs - fromMs <= Y_MS) return undefined;
    return `${name} is visible and still shows a token that ended ${nowMs - knowsUntilMs} ms ago; it runs since ${nowMs - runsSinceMs} ms`;
  }

  return judgeEachTab("I19 replaced in time", "step", problemOf);
}
