/**
 * What SQLite's and the file system's errors mean.
 *
 * @module
 */
import { StoreFailedError } from "../core/errors.ts";

/** @see [Result codes](https://www.sqlite.org/rescode.html) */
const SQLITE_BUSY = 5;
const SQLITE_PROTOCOL = 15;
const PRIMARY_CODE_BITS = 0xff;

/** Whether another process has the file locked, so that the same step may go through a moment later. */
export function isBusy(error: unknown): boolean {
  const { errcode } = error as { errcode?: unknown };
  if (typeof errcode !== "number") return false;
  const primary = errcode & PRIMARY_CODE_BITS;
  return primary === SQLITE_BUSY || primary === SQLITE_PROTOCOL;
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
