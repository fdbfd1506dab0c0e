/**
 * I13, the page: what a tab shows is never replaced by the answer to an older request, by one that the server did not give to
 * this request, by another tab's news of an older token, or by an `update()` that a newer answer about somebody else has
 * overtaken; and nobody is shown as signed out who is not.
 *
 * @module
 */
import type { Checker } from "../../checker.ts";
import type { AnsweredRecord, BrowserRecord, TookRecord } from "../history.ts";

/** Looks at whatever a tab takes over. */
export function newestState(): Checker<BrowserRecord> {
  const answers = new Map<number, AnsweredRecord>();
  const asked = new Map<number, string>();
  const updates = new Set<number>();
  /** By tab: the newest answer that it took over, by the server's order. */
  const newest = new Map<string, AnsweredRecord>();
  const taken = new Map<string, number>();

  /** `update()` is believed at once, so it must not bring back whom a later answer has replaced. */
  function isBroughtBack(before: AnsweredRecord | undefined, answer: AnsweredRecord): boolean {
    if (!updates.has(answer.request) || before === undefined) return false;
    return before.stateNo > answer.stateNo && before.seen.user !== answer.seen.user;
  }

  function problemOf(took: TookRecord): string | undefined {
    const { tab, request, seen, how } = took;
    const answer = answers.get(request);
    if (seen.user === null && (answer === undefined || answer.isLive))
      return `${tab} shows nobody after request ${request}, to which no server said so`;
    if (answer === undefined) return undefined;
    const known = newest.get(tab);
    if (how === "told" && isBroughtBack(known, answer))
      return `${tab} shows what update() got by request ${request} after the newer answer to ${String(known?.request)}`;
    if (known === undefined || known.stateNo <= answer.stateNo) newest.set(tab, answer);
    if (how === "told") return undefined;
    if (asked.get(request) !== tab)
      return `${tab} shows the answer to request ${request}, which is not its own`;
    const before = taken.get(tab);
    taken.set(tab, request);
    if (before === undefined || before < request) return undefined;
    return `${tab} shows the answer to request ${request} after the one to ${before}`;
  }

  return {
    name: "I13 newest state",
    see(record) {
      if (record.kind === "ask") {
        asked.set(record.request, record.tab);
        if (record.reason === "update" && record.by === "app") updates.add(record.request);
      }
      // Of a request that came twice the first answer is the one that goes back.
      if (record.kind === "answered" && !answers.has(record.request)) answers.set(record.request, record);
      if (record.kind === "took") return problemOf(record);
      if (record.kind !== "adopted" || record.expires >= record.knew) return undefined;
      return `${record.tab} took over news of a token that ends ${record.knew - record.expires} s before its own`;
    },
  };
}
