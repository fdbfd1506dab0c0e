/**
 * I17 in the browser: whatever clocks and timers do, a tab that nothing hinders knows a token that lives, and never sends a
 * storm of requests.
 *
 * @module
 */
import type { Checker } from "../../checker.ts";
import { HIDDEN_X_MS, OWN_PER_MINUTE, TOLD_PER_MINUTE, X_MS } from "../bounds.ts";
import type { BrowserRecord } from "../history.ts";
import { calmSinceMs, judgeEachTab, type TabSeen } from "./tabs-seen.ts";

const MINUTE_MS = 60_000;
const OWN: ReadonlySet<string> = new Set(["idle", "retry", "mount"]);

/** Looks at what each running tab knows, and how often it asks. */
export function timeSafety(): Checker<BrowserRecord> {
  const asks = new Map<
    string,
    { readonly own: number[]; readonly told: number[]; readonly woken: number[] }
  >();

  function storm(record: BrowserRecord): string | undefined {
    if (!("tab" in record)) return undefined;
    let counts = asks.get(record.tab);
    if (counts === undefined) asks.set(record.tab, (counts = { own: [], told: [], woken: [] }));
    const isWoken = record.kind === "tab" || (record.kind === "took" && record.how !== "answer");
    if (isWoken) counts.woken.push(record.atMs);
    if (record.kind !== "ask" || record.by !== "client") return undefined;
    const list = OWN.has(record.reason) ? counts.own : counts.told;
    list.push(record.atMs);
    for (const each of [counts.own, counts.told, counts.woken])
      while ((each[0] ?? Infinity) < record.atMs - MINUTE_MS) each.shift();
    const most = list === counts.own ? OWN_PER_MINUTE : TOLD_PER_MINUTE;
    if (list.length <= most + counts.woken.length) return undefined;
    return `${record.tab} sent ${list.length} requests in a minute, the last because of "${record.reason}"`;
  }

  function problemOf(tab: TabSeen, nowMs: number): string | undefined {
    const { shows } = tab;
    if (shows !== undefined && (shows.user === null || shows.needsSignIn)) return undefined;
    const fromMs = Math.max(calmSinceMs(tab), tab.knowsUntilMs);
    if (nowMs - fromMs <= (tab.isVisible ? X_MS : HIDDEN_X_MS)) return undefined;
    return shows === undefined
      ? `${tab.name} has had no answer for ${nowMs - fromMs} ms`
      : `${tab.name} shows a token that ended ${nowMs - tab.knowsUntilMs} ms ago`;
  }

  return judgeEachTab("I17 time safety", "step", problemOf, storm);
}
