/**
 * I19, steady state: where nothing goes wrong, a browser sends one session request per token, however many tabs it has. A tab
 * that comes, goes or changes meanwhile may cost one more.
 *
 * @module
 */
import type { Checker } from "../../checker.ts";
import type { AnsweredRecord, BrowserRecord } from "../history.ts";
import type { BrowserProfile } from "../plan.ts";

/** Looks at the requests that tabs send of their own accord. */
export function oneAsks({ profile }: { readonly profile: BrowserProfile }): Checker<BrowserRecord> {
  /** The tabs' own requests that are under way. */
  const idle = new Set<number>();
  /** By browser, since its token was renewed last: own requests, and tabs that changed. */
  const since = new Map<number, { asks: number; changes: number }>();
  const of = (browser: number): { asks: number; changes: number } => {
    let counts = since.get(browser);
    if (counts === undefined) since.set(browser, (counts = { asks: 0, changes: 0 }));
    return counts;
  };

  function judge(record: AnsweredRecord): string | undefined {
    const counts = of(record.browser);
    if (idle.has(record.request) && !record.refreshed) counts.asks++;
    // Tabs that wait for one refresh together have asked together.
    const problem =
      counts.asks > counts.changes
        ? `${counts.asks} requests more than one for a token of browser ${record.browser}, where ${counts.changes} tabs changed`
        : undefined;
    if (record.refreshed) since.set(record.browser, { asks: 0, changes: 0 });
    return problem;
  }

  return {
    name: "I19 one asks for all",
    see(record) {
      if (profile === "faulty") return undefined;
      if (record.kind === "tab") of(record.browser).changes++;
      if (record.kind === "ask" && record.reason === "retry")
        return `${record.tab} asked again without a failure`;
      if (record.kind === "ask" && record.reason === "idle") idle.add(record.request);
      return record.kind === "answered" ? judge(record) : undefined;
    },
  };
}
