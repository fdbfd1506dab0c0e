/**
 * The rules of the browser world, by the names under which `--rules` knows them.
 *
 * @module
 */
import type { Checker } from "../../checker.ts";
import type { BrowserRecord } from "../history.ts";
import type { BrowserOptions } from "../plan.ts";
import { convergence } from "./convergence.ts";
import { cookieOrder } from "./cookie-order.ts";
import { newestState } from "./newest-state.ts";
import { oneAsks } from "./one-asks.ts";
import { replacedInTime } from "./replaced.ts";
import { smallMessages } from "./small-messages.ts";
import { timeSafety } from "./time-safety.ts";
import { userEverywhere } from "./user-everywhere.ts";

/** What a rule is told of the run. */
export type RunFacts = Pick<BrowserOptions, "profile" | "lifetimeMs">;

/** Each rule's checkers. */
export const BROWSER_CHECKERS: Readonly<
  Record<string, readonly ((facts: RunFacts) => Checker<BrowserRecord>)[]>
> = {
  I13: [cookieOrder, newestState, userEverywhere],
  I17: [timeSafety],
  I19: [oneAsks, replacedInTime, convergence],
  "SEC-06": [smallMessages],
};

/** New checkers for one run: all, or those of some rules. */
export function browserCheckersFor(
  facts: RunFacts,
  rules: readonly string[] = Object.keys(BROWSER_CHECKERS),
): readonly Checker<BrowserRecord>[] {
  return rules.flatMap((rule) => {
    const makers = BROWSER_CHECKERS[rule];
    if (makers === undefined) throw new RangeError(`There is no rule "${rule}" in the browser world`);
    return makers.map((make) => make(facts));
  });
}
