/**
 * I13, the page: what a tab shows is never replaced by the answer to an older request, by one that the server did not give to
 * this request, or by another tab's news of an older token; and nobody is shown as signed out who is not.
 *
 * @module
 */
import type { Checker } from "../../checker.ts";
import type { AnsweredRecord, BrowserRecord, TookRecord } from "../history.ts";

/** Looks at whatever a tab takes over. */
export function newestState(): Checker<BrowserRecord> {
  const answers = new Map<number, AnsweredRecord>();
  const asked = new Map<number, string>();
  const taken = new Map<
    string,
    { readonly request: number; readonly stateNo: number; readonly handle: string }
  >();

  function problemOf(took: TookRecord): string | undefined {
    const { tab, request, seen, how } = took;
    const answer = answers.get(request);
    if (seen.user === null && (answer === undefined || answer.isLive))
      return `${tab} shows nobody after request ${request}, to which no server said so`;
    if (how === "told" || answer === undefined) return undefined;
    if (asked.get(request) !== tab)
      return `${tab} shows the answer to request ${request}, which is not its own`;
    const before = taken.get(tab);
    taken.set(tab, { request, stateNo: answer.stateNo, handle: answer.handle });
    if (before === undefined || before.request < request) return undefined;
    return `${tab} shows the answer to request ${request} after the one to ${before.request}`;
  }

  return {
    name: "I13 newest state",
    see(record) {
      if (record.kind === "ask") asked.set(record.request, record.tab);
      // Of a request that came twice the first answer is the one that goes back.
      if (record.kind === "answered" && !answers.has(record.request)) answers.set(record.request, record);
      if (record.kind === "took") return problemOf(record);
      if (record.kind !== "adopted" || record.expires >= record.knew) return undefined;
      return `${record.tab} took over news of a token that ends ${record.knew - record.expires} s before its own`;
    },
  };
}
