/**
 * I19, steady state: where nothing goes wrong, a browser sends one session request per token, however many tabs it has. A tab
 * that comes, goes or changes meanwhile may cost one more. Requests that somebody wants are not counted.
 *
 * @module
 */
import type { Checker } from "../../checker.ts";
import type { AnsweredRecord, BrowserRecord } from "../history.ts";
import type { BrowserProfile } from "../plan.ts";

/** Reasons that somebody wants an answer for: a page that has none yet, and whoever changed the session. */
const WISHES: readonly string[] = ["mount", "update"];

/** By browser, since its token was renewed last: requests that brought nothing new, and tabs that changed. */
interface Counts {
  wasted: number;
  changes: number;
}

/** Looks at the requests that tabs send of their own accord. */
export function oneAsks({ profile }: { readonly profile: BrowserProfile }): Checker<BrowserRecord> {
  /** The tabs' own requests, each with what was counted when it was sent. */
  const idle = new Map<number, Counts>();
  const since = new Map<number, Counts>();
  /** By tab: the same for the token that it knows. What another tab has got is news to it only when the message came. */
  const known = new Map<string, Counts>();
  /** By browser: the request that brought the newest token, until a tab has its answer. */
  const renewing = new Map<number, number>();
  const of = (browser: number): Counts => {
    let counts = since.get(browser);
    if (counts === undefined) since.set(browser, (counts = { wasted: 0, changes: 0 }));
    return counts;
  };

  function judge({ browser, request, refreshed }: AnsweredRecord): string | undefined {
    if (refreshed) renewing.set(browser, request);
    const counts = idle.get(request);
    if (counts === undefined || refreshed || ++counts.wasted <= counts.changes) return undefined;
    return `${counts.wasted + 1} requests for one token of browser ${browser}, where ${counts.changes} tabs changed`;
  }

  return {
    name: "I19 one asks for all",
    see(record) {
      if (profile === "faulty") return undefined;
      if (record.kind === "tab") of(record.browser).changes++;
      if (record.kind === "ask" && record.reason === "retry")
        return `${record.tab} asked again without a failure`;
      if (record.kind === "ask" && record.by === "client" && !WISHES.includes(record.reason))
        idle.set(record.request, known.get(record.tab) ?? of(record.browser));
      if (record.kind === "took" && record.request === renewing.get(record.browser)) {
        renewing.delete(record.browser);
        since.delete(record.browser);
      }
      if (record.kind === "took" || record.kind === "adopted") known.set(record.tab, of(record.browser));
      return record.kind === "answered" ? judge(record) : undefined;
    },
  };
}
