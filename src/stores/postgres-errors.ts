/**
 * What an error of a PostgreSQL client says that is safe to repeat. Its message may name a host, a user or a value, and
 * its detail shows the whole row ("Failing row contains ..."), so neither goes on: only the code does.
 *
 * @module
 */
import { StoreFailedError, isTokenError, type TokenError } from "../core/errors.ts";
import type { PostgresNames } from "./postgres-schema.ts";

/** @see [PostgreSQL error codes](https://www.postgresql.org/docs/current/errcodes-appendix.html) */
const MEANINGS: Readonly<Record<string, string>> = {
  "25006": "the server is read-only: a standby, or a failover is under way",
  "28000": "the server refused the role",
  "28P01": "the server refused the password",
  "3D000": "there is no such database",
  "40001": "other transactions were in the way again and again; the store expects READ COMMITTED",
  "40P01": "deadlock",
  "42P07": "something else of that name is there already",
  "53100": "the server's disk is full",
  "53300": "the server has no connection left",
  "55P03": "a lock was waited for longer than lock_timeout",
  "57014": "the statement was cancelled, by statement_timeout for one",
  "57P01": "the connection was ended by an administrator",
  "57P02": "the server crashed",
  "57P03": "the server is starting or stopping",
};
const MISSING_TABLE = new Set(["42P01", "42703", "3F000"]);
const NOT_ALLOWED = "42501";
/** The statement has done nothing, and would find another state of things if it ran again. */
const IN_THE_WAY = new Set(["40001", "40P01"]);
const TOO_MANY_CONNECTIONS = "53300";
/** PgBouncer's and Supavisor's words for the same. Their codes stand for other refusals as well. */
const POOLER_IS_FULL = /\bno more connections allowed\b|\bmax client(?: connection)?s reached\b/i;

/** A table or an index that a concurrent migration has just made: after it, there is nothing left to do. */
const JUST_MADE = new Set(["42P07", "42710"]);

/** What `pg` says without a code. */
const KNOWN_WORDS = [
  "Connection terminated due to connection timeout",
  "Connection terminated unexpectedly",
  "Connection terminated",
  "timeout exceeded when trying to connect",
  "Query read timeout",
  "Cannot use a pool after calling end on the pool",
  "Client has encountered a connection error and is not queryable",
  "Client was closed and is not queryable",
] as const;

/** Whether the same statement may simply run again: other transactions were in its way, and it has changed nothing. */
export function mayRunAgain(error: unknown): boolean {
  return IN_THE_WAY.has(codeOf(error));
}

/** Whether there was no connection for the statement, which was not sent: a burst may be over in a moment. */
export function isFull(error: unknown): boolean {
  return codeOf(error) === TOO_MANY_CONNECTIONS || isPoolerFull(error);
}

/** Whether a migration failed, without effect, because something of that name is there by now. */
export function isJustMade(error: unknown): boolean {
  return JUST_MADE.has(codeOf(error));
}

/** The error for anything that went wrong in an operation. */
export function postgresFailureFrom(operation: string, error: unknown, names: PostgresNames): TokenError {
  if (isTokenError(error)) return error;
  return new StoreFailedError(
    `The PostgreSQL store failed at "${operation}": ${saidBy(operation, error, names)}`,
  );
}

function saidBy(operation: string, error: unknown, { grants }: PostgresNames): string {
  const code = codeOf(error);
  if (MISSING_TABLE.has(code)) {
    return `there is no table ${grants} as this release needs it (${code}). Run migratePostgres({ client }) once, with the same schema and table, or its SQL`;
  }
  if (code === NOT_ALLOWED && operation === "migrate") {
    return `the role may not make ${grants} (${code}). Run it, or its SQL, as a role that may create what is missing`;
  }
  if (code === NOT_ALLOWED) {
    return `the role may not do this on ${grants} (${code}). It needs USAGE on the schema and SELECT, INSERT, UPDATE and DELETE on the table`;
  }
  if (isPoolerFull(error)) return `the pooler has no connection left (SQLSTATE ${code})`;
  if (/^[0-9A-Z]{5}$/.test(code)) return `${MEANINGS[code] ?? "the server refused"} (SQLSTATE ${code})`;
  if (/^[A-Z][A-Z0-9_]{2,40}$/.test(code)) return code;
  const words = messageOf(error);
  return KNOWN_WORDS.find((known) => words.startsWith(known)) ?? "the client failed";
}

function isPoolerFull(error: unknown): boolean {
  return /^[0-9A-Z]{5}$/.test(codeOf(error)) && POOLER_IS_FULL.test(messageOf(error));
}

/** SQLSTATE, or what Node calls a failure of the network. Empty where there is none. */
function codeOf(error: unknown): string {
  const { code } = Object(error) as { code?: unknown };
  return typeof code === "string" ? code : "";
}

function messageOf(error: unknown): string {
  const { message } = Object(error) as { message?: unknown };
  return typeof message === "string" ? message : "";
}
