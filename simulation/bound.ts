/**
 * A count of lost grants that knows nothing of the oracle: by the authorization server's own word and the rows alone.
 *
 * @module
 */
import type { SimRecord } from "./history.ts";

/**
 * How many grants nobody could use any more: at the moment of their end the server accepted no refresh token of their
 * row, or they have no row. A run that tells more losses has ended grants that were good.
 */
export function unreachableGrants(records: readonly SimRecord[]): number {
  const dead = new Set<string>();
  const gone = new Set<string>();
  for (const record of records) {
    if (record.kind === "lost" && record.good.length === 0) dead.add(record.grant);
    if (record.kind !== "store") continue;
    if (record.after !== undefined) gone.delete(record.grant);
    else if (record.operation === "admin" && record.before?.state === "live") gone.add(record.grant);
  }
  return new Set([...dead, ...gone]).size;
}
