/**
 * I7: after a tombstone no write makes the grant usable again. (What arrives late is revoked: I4 and I16 hold that.)
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";

/** Looks at each write to an ended row. */
export function noResurrection(probe: Probe): Checker {
  return {
    name: "I7 no resurrection",
    see(record) {
      if (record.kind !== "store" || record.operation === "admin") return undefined;
      const { before, after, operation, grant } = record;
      if (before?.state !== "ended" || after === undefined) return undefined;
      if (after.state !== "ended") return `${operation} revived ${grant}`;
      if (after.endReason !== before.endReason) return `${operation} changed why ${grant} ended`;
      if (after.version !== before.version) return `${operation} stored tokens in the tombstone of ${grant}`;
      if (after.candidates.length > before.candidates.length)
        return `${operation} added to the tombstone of ${grant}`;
      const changed = after.sealedTokenSet !== before.sealedTokenSet && after.sealedTokenSet !== "";
      return changed && probe.reveal(after.sealedTokenSet)?.slot.version !== before.version
        ? `${operation} replaced the tokens in the tombstone of ${grant}`
        : undefined;
    },
  };
}
