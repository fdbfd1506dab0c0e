/**
 * I21: the run has lost as many grants as the oracle says could not be kept, and not one more.
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";
import type { SimRecord } from "../history.ts";
import { accountOf } from "../oracle.ts";

/** Asks the oracle when the run has come to rest. */
export function lossAccounting(probe: Probe): Checker {
  const records: SimRecord[] = [];
  return {
    name: "I21 loss accounting",
    see(record) {
      records.push(record);
      return undefined;
    },
    rest() {
      const { avoidable } = accountOf(records, probe);
      const [first] = avoidable;
      return first && `${first.grant} was lost (${first.how}), and ${first.why}`;
    },
  };
}
