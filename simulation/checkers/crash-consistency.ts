/**
 * I22: whenever a process dies, every row it leaves is readable, and every intent is resolved or plain to see.
 *
 * @module
 */
import type { GrantRecord } from "../../src/core/grant.ts";
import type { Checker, Probe } from "../checker.ts";

/** Looks at each row as it is written: a crash may come after any write. */
export function crashConsistency(probe: Probe): Checker {
  return {
    name: "I22 crash consistency",
    see(record) {
      if (record.kind !== "store" || record.after === undefined || record.after === record.before)
        return undefined;
      const problem = problemOf(probe, record.after);
      return problem && `${record.operation} left ${record.grant} ${problem}`;
    },
  };
}

function problemOf(probe: Probe, row: GrantRecord): string | undefined {
  const { sealedTokenSet, candidates, intent, version, state } = row;
  if (sealedTokenSet !== "" || state === "live") {
    const slot = probe.reveal(sealedTokenSet)?.slot;
    if (slot?.grantId !== row.id || slot.field !== "token-set" || slot.version !== version)
      return "with a token set that does not open";
  }
  for (const candidate of candidates) {
    const slot = probe.reveal(candidate.sealedTokenSet)?.slot;
    if (slot?.grantId !== row.id || slot.field !== "candidate" || slot.version !== candidate.version)
      return "with a candidate that does not open";
  }
  if (intent === null) return undefined;
  if (intent.parentVersion > version) return "with an intent for a version that is not there yet";
  if (intent.fence > row.fence) return "with an intent from the future";
  return intent.deadlineAtMs >= intent.startedAtMs
    ? undefined
    : "with an intent that was over before it began";
}
