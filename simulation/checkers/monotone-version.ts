/**
 * I2: the version of a row never decreases, and a token set is replaced only by the write that names its version.
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";
import type { StoreRecord } from "../history.ts";

/** Looks at each write of the store. */
export function monotoneVersion(probe: Probe): Checker {
  return {
    name: "I2 monotone version",
    see: (record) =>
      record.kind === "store" && record.operation !== "admin" ? problemOf(probe, record) : undefined,
  };
}

function problemOf(probe: Probe, record: StoreRecord): string | undefined {
  const { before, after, operation, grant, expectedVersion } = record;
  if (before === undefined) {
    return after !== undefined && (operation !== "insert" || after.version !== 1)
      ? `${operation} made ${grant} at version ${after.version}`
      : undefined;
  }
  if (after === undefined) return operation === "purge" ? undefined : `${operation} deleted ${grant}`;
  if (after.version < before.version)
    return `${grant} went from version ${before.version} to ${after.version}`;
  if (after.version !== before.version) {
    const fits =
      operation === "commit" && expectedVersion === before.version && after.version === before.version + 1;
    return fits
      ? undefined
      : `${operation} for version ${expectedVersion ?? "any"} took ${grant} from ${before.version} to ${after.version}`;
  }
  if (after.sealedTokenSet === before.sealedTokenSet) return undefined;
  if (operation === "wipe" && after.state === "ended") return undefined;
  const same =
    operation === "reseal" &&
    JSON.stringify(probe.reveal(before.sealedTokenSet)?.tokenSet) ===
      JSON.stringify(probe.reveal(after.sealedTokenSet)?.tokenSet);
  return same ? undefined : `${operation} replaced the tokens of ${grant} within version ${before.version}`;
}
