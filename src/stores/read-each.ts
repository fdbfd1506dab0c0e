/**
 * Reads many rows, each by itself.
 *
 * @module
 */

/** What came of the rows. */
export interface ReadRows<Record> {
  readonly grants: readonly Record[];
  /** How many could not be read: damaged, or of a newer format. */
  readonly unreadable: number;
}

/** Reads the rows: one that cannot be read does not take the others with it (X30). */
export function readEach<Row, Record>(
  rows: readonly Row[],
  read: (row: Row) => Record | undefined,
): ReadRows<Record> {
  const grants: Record[] = [];
  let unreadable = 0;
  for (const row of rows) {
    try {
      const grant = read(row);
      if (grant !== undefined) grants.push(grant);
    } catch {
      unreadable++;
    }
  }
  return { grants, unreadable };
}
