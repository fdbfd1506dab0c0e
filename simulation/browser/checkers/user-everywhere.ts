/**
 * I13, all tabs: a sign-out, an end and a change of user reach every tab of the browser, and no late answer undoes it for
 * good. A tab that heard NextAuth's message has to show it soon; one that missed it, when it asks next. A tab that shows
 * nobody does not ask by itself, as NextAuth's own does not, so that only the message brings it back.
 *
 * @module
 */
import type { Checker } from "../../checker.ts";
import { ANNOUNCED_MS, HIDDEN_X_MS, X_MS } from "../bounds.ts";
import { isSame, type BrowserRecord, type Seen } from "../history.ts";
import { calmSinceMs, judgeEachTab, type TabSeen } from "./tabs-seen.ts";

/** Looks at what each tab shows. */
export function userEverywhere({ lifetimeMs }: { readonly lifetimeMs: number }): Checker<BrowserRecord> {
  function problemOf(tab: TabSeen, nowMs: number): string | undefined {
    const { truth, truthAtMs } = tab.browser;
    if (truth === undefined || tab.shows === undefined || isSame(tab.shows, truth)) return undefined;
    const fromMs = Math.max(calmSinceMs(tab), truthAtMs);
    const hasHeard = tab.announcedAtMs >= truthAtMs && !tab.hasMissed;
    const asksByItself = tab.shows.user !== null && !tab.shows.needsSignIn;
    if (!hasHeard && !asksByItself) return undefined;
    const heardAtMs = Math.max(fromMs, tab.announcedAtMs);
    const hiddenMs = tab.isVisible ? 0 : HIDDEN_X_MS - X_MS;
    const dueMs = hasHeard ? heardAtMs + ANNOUNCED_MS : fromMs + lifetimeMs + X_MS;
    if (nowMs <= dueMs + hiddenMs) return undefined;
    return `${tab.name} shows ${textOf(tab.shows)} ${nowMs - truthAtMs} ms after it became ${textOf(truth)}`;
  }

  return judgeEachTab("I13 user everywhere", "step", problemOf);
}

function textOf({ user, needsSignIn }: Seen): string {
  return `${user ?? "nobody"}${needsSignIn ? ", who has to sign in again" : ""}`;
}
