/**
 * The tables, and how an older file becomes one of today.
 *
 * The file's `application_id` says that it is nolapse's, its `user_version` how many migrations it has seen.
 *
 * @module
 */
import { InvalidOptionError } from "../core/errors.ts";
import type { Connection } from "./sqlite-connection.ts";

/** "nlps" in ASCII. */
const APPLICATION_ID = 0x6e6c7073;

/** Each entry takes a file one version further. Never change one that was released: append. */
const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE grants (
      id TEXT PRIMARY KEY NOT NULL,
      format INTEGER NOT NULL,
      version INTEGER NOT NULL,
      session_ref TEXT NOT NULL,
      subject_ref TEXT,
      sid_ref TEXT,
      provider TEXT NOT NULL,
      issuer TEXT NOT NULL,
      client_id TEXT NOT NULL,
      sealed_token_set TEXT NOT NULL,
      key_id TEXT NOT NULL,
      access_token_issued_at_ms INTEGER NOT NULL,
      access_token_expires_at_ms INTEGER,
      refresh_token_expires_at_ms INTEGER,
      refreshable INTEGER NOT NULL CHECK (refreshable IN (0, 1)),
      created_at_ms INTEGER NOT NULL,
      absolute_end_ms INTEGER NOT NULL,
      sliding_end_ms INTEGER NOT NULL CHECK (sliding_end_ms <= absolute_end_ms),
      state TEXT NOT NULL CHECK (state IN ('live', 'ended')),
      end_reason TEXT CHECK ((end_reason IS NULL) = (state = 'live')),
      ended_at_ms INTEGER CHECK ((ended_at_ms IS NULL) = (state = 'live')),
      fence INTEGER NOT NULL,
      lease_holder TEXT,
      lease_until_ms INTEGER CHECK ((lease_until_ms IS NULL) = (lease_holder IS NULL)),
      intent_attempt_id TEXT,
      intent_holder TEXT,
      intent_parent_version INTEGER,
      intent_fence INTEGER,
      intent_started_at_ms INTEGER,
      intent_deadline_at_ms INTEGER,
      intent_outcome TEXT CHECK (intent_outcome IN ('pending', 'unknown', 'answered')),
      backoff_failures INTEGER,
      backoff_until_ms INTEGER,
      backoff_code TEXT,
      candidates TEXT NOT NULL
    ) STRICT`,
    "CREATE INDEX grants_by_session ON grants (session_ref)",
    "CREATE INDEX grants_by_subject ON grants (subject_ref) WHERE subject_ref IS NOT NULL",
    "CREATE INDEX grants_by_sid ON grants (sid_ref) WHERE sid_ref IS NOT NULL",
    "CREATE INDEX grants_by_end ON grants (sliding_end_ms)",
    `PRAGMA application_id = ${APPLICATION_ID}`,
  ],
];

/** The version of the schema that this release writes. */
export const SCHEMA_VERSION: number = MIGRATIONS.length;

/** @throws {@link InvalidOptionError} if the file holds somebody else's tables. Nothing is written to it. */
export function refuseForeignFile(connection: Connection): void {
  const applicationId = numberOf(connection, "application_id");
  if (applicationId === APPLICATION_ID) return;
  const tables = connection.rows("SELECT name FROM sqlite_schema LIMIT 1");
  if (applicationId === 0 && tables.length === 0) return;
  // Between the two reads another process may have made its tables in the new file.
  if (numberOf(connection, "application_id") === APPLICATION_ID) return;
  throw new InvalidOptionError("path", "is a SQLite file of something else; give nolapse a file of its own");
}

/**
 * Brings the file to {@link SCHEMA_VERSION}, in one transaction.
 *
 * @throws {@link InvalidOptionError} if a newer release has migrated it further.
 */
export function applyMigrations(connection: Connection): void {
  if (knownVersion(connection) === SCHEMA_VERSION) return;
  connection.transaction(() => {
    // Read again: another process may have been first, one of a newer release too.
    for (const statements of MIGRATIONS.slice(knownVersion(connection))) {
      for (const statement of statements) connection.changes(statement);
    }
    connection.changes(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  });
}

/** The version of the file, if this release knows it. */
function knownVersion(connection: Connection): number {
  const version = numberOf(connection, "user_version");
  if (version <= SCHEMA_VERSION) return version;
  throw new InvalidOptionError(
    "path",
    `is a file of a newer nolapse (schema ${version}; this release knows ${SCHEMA_VERSION}). ` +
      "Install that release again, or name another file",
  );
}

function numberOf(connection: Connection, pragma: "application_id" | "user_version"): number {
  return Number(connection.rows(`PRAGMA ${pragma}`)[0]?.[pragma]);
}
