/**
 * What SQLite's and the file system's errors mean.
 *
 * @module
 */
import { StoreFailedError } from "../core/errors.ts";

/** @see [Result codes](https://www.sqlite.org/rescode.html) */
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_PROTOCOL = 15;
const SQLITE_NOTADB = 26;
const PRIMARY_CODE_BITS = 0xff;

/** Whether another process has the file locked, so that the same step may go through a moment later. */
export function isBusy(error: unknown): boolean {
  const code = primaryCodeOf(error);
  return code === SQLITE_BUSY || code === SQLITE_PROTOCOL;
}

/** Whether the file's content makes no sense. */
export function isDamage(error: unknown): boolean {
  const code = primaryCodeOf(error);
  return code === SQLITE_CORRUPT || code === SQLITE_NOTADB;
}

function primaryCodeOf(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: unknown };
  return typeof errcode === "number" ? errcode & PRIMARY_CODE_BITS : undefined;
}

/** The error for anything else. It says SQLite's words for the code, and never what was bound to a statement. */
export function storeFailureFrom(error: unknown): StoreFailedError {
  const { errcode, errstr, code, path } = error as Partial<Record<string, unknown>>;
  const said =
    typeof errstr === "string" && typeof errcode === "number"
      ? `${errstr} (SQLite code ${errcode})`
      : typeof code === "string"
        ? `${code}${typeof path === "string" ? ` at ${path}` : ""}`
        : "a stored row cannot be read";
  return new StoreFailedError(`The SQLite store failed: ${said}`);
}
