/**
 * I3: once a lease with a fence was taken, no smaller fence changes the lease, and a late commit takes no lease away.
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";

const LEASE_OPERATIONS = new Set(["renewLease", "releaseLease"]);

/** Looks at each write of the store. */
export function fencing(_probe: Probe): Checker {
  return {
    name: "I3 fencing",
    see(record) {
      if (record.kind !== "store" || record.operation === "admin") return undefined;
      const { before, after, operation, fence, grant, storeNowMs } = record;
      if (before === undefined || after === undefined) return undefined;
      if (after.fence < before.fence)
        return `the fence of ${grant} went from ${before.fence} to ${after.fence}`;
      const leaseChanged =
        before.lease?.fence !== after.lease?.fence ||
        before.lease?.holder !== after.lease?.holder ||
        before.lease?.untilMs !== after.lease?.untilMs;
      if (fence !== undefined && fence < before.fence) {
        const intentChanged = LEASE_OPERATIONS.has(operation) && before.intent !== after.intent;
        if (leaseChanged || intentChanged)
          return `${operation} with fence ${fence} changed ${grant}, whose fence is ${before.fence}`;
      }
      if (operation !== "acquireLease" || record.answer !== "acquired") return undefined;
      const { lease } = before;
      const stands = lease !== null && lease.untilMs > storeNowMs && lease.untilMs - storeNowMs <= 300_000;
      if (stands && lease.holder !== after.lease?.holder)
        return `${after.lease?.holder ?? "somebody"} took ${grant} from ${lease.holder}, whose lease stands`;
      return after.fence > before.fence ? undefined : `a new lease of ${grant} got no greater fence`;
    },
  };
}
