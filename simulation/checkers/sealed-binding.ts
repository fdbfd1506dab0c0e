/**
 * I15: a sealed value opens only in the slot for which it was sealed.
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";

/** Looks at each value that opened. */
export function sealedBinding(_probe: Probe): Checker {
  return {
    name: "I15 sealed binding",
    see(record) {
      if (record.kind !== "opened") return undefined;
      const { slot, sealedFor, process } = record;
      if (sealedFor === undefined) return `${process} opened a value that nobody sealed`;
      const same =
        slot.grantId === sealedFor.grantId &&
        slot.field === sealedFor.field &&
        slot.version === sealedFor.version;
      return same
        ? undefined
        : `${process} opened ${sealedFor.field} ${sealedFor.version} of ${sealedFor.grantId} as ${slot.field} ${slot.version} of ${slot.grantId}`;
    },
  };
}
