/**
 * One connection per file and process, and its schema.
 *
 * @module
 */
import { StoreFailedError, isTokenError } from "../core/errors.ts";
import { isDamage } from "./sqlite-errors.ts";
import { builtin, notWritable, prepareFile, type Sqlite } from "./sqlite-file.ts";
import { applyMigrations, refuseForeignFile } from "./sqlite-schema.ts";

type DatabaseSync = InstanceType<Sqlite["DatabaseSync"]>;
type StatementSync = ReturnType<DatabaseSync["prepare"]>;

/** A row as it comes from SQLite. */
export type Row = Readonly<Record<string, unknown>>;

/** What may be bound to a statement. */
export type Bindings = Readonly<Record<string, string | number | null>>;

/** A path that is open. Nothing in it waits. */
export interface Connection {
  /** The file's absolute path. */
  readonly path: string;
  /** Runs one statement to its end and returns its rows. */
  rows(sql: string, bindings?: Bindings): readonly Row[];
  /** Runs one statement and returns how many rows it changed. */
  changes(sql: string, bindings?: Bindings): number;
  /** Runs a step between `BEGIN IMMEDIATE` and `COMMIT`; rolls back when it throws. */
  transaction<T>(step: () => T): T;
}

interface Shared {
  readonly connection: Connection;
  readonly close: () => void;
  users: number;
}

/** One file, as it was at its path when it was opened. */
interface OpenFile {
  readonly database: DatabaseSync;
  readonly connection: Connection;
  /** Device and inode. */
  readonly identity: string | undefined;
}

const SHARED: symbol = Symbol.for("nolapse.sqlite");

/** Opens the file, or joins the connection that this process has to it already. */
export function connect(path: string): Connection {
  const { resolve } = builtin("node:path");
  const absolute = resolve(path);
  const connections = sharedConnections();
  let shared = connections.get(absolute);
  if (shared === undefined) {
    shared = share(absolute);
    connections.set(absolute, shared);
  }
  shared.users++;
  return shared.connection;
}

/** Leaves the connection; the last one to leave closes it. */
export function disconnect({ path }: Connection): void {
  const connections = sharedConnections();
  const shared = connections.get(path);
  if (shared === undefined || --shared.users > 0) return;
  connections.delete(path);
  shared.close();
}

/** Next bundles a module more than once per process, so what the copies share hangs on `globalThis`. */
function sharedConnections(): Map<string, Shared> {
  const holder = globalThis as Partial<Record<symbol, Map<string, Shared>>>;
  return (holder[SHARED] ??= new Map<string, Shared>());
}

/**
 * Opens a path, and looks at each call whether the file is still there. One that was moved away would take every write,
 * and lose it at the next start; one that was put in its place, as a backup is, would be passed over.
 */
function share(path: string): Shared {
  let file = open(path);
  let inTransaction = false;

  const current = (): Connection => {
    if (inTransaction) return file.connection;
    const identity = identityOf(path);
    if (identity === undefined) {
      throw new StoreFailedError(
        `The SQLite file is gone: ${path}. Put it back, or restart the application to begin with an empty one`,
      );
    }
    if (identity !== file.identity) {
      const replacement = open(path);
      // SQLite sees that the file has moved, and leaves the -wal beside the path alone: that is the new file's.
      file.database.close();
      file = replacement;
    }
    return file.connection;
  };

  const use = <T>(run: (connection: Connection) => T): T => {
    const connection = current();
    try {
      return run(connection);
    } catch (error) {
      // Damaged pages are kept in memory, and would be served after the file was mended.
      if (isDamage(error) && !inTransaction) file.database.exec("PRAGMA shrink_memory");
      throw error;
    }
  };

  return {
    users: 0,
    close: () => file.database.close(),
    connection: {
      path,
      rows: (sql, bindings) => use(({ rows }) => rows(sql, bindings)),
      changes: (sql, bindings) => use(({ changes }) => changes(sql, bindings)),
      transaction: (step) =>
        use(({ transaction }) => {
          inTransaction = true;
          try {
            return transaction(step);
          } finally {
            inTransaction = false;
          }
        }),
    },
  };
}

function identityOf(path: string): string | undefined {
  const found = builtin("node:fs").statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
}

function open(path: string): OpenFile {
  try {
    return openWritable(path);
  } catch (error) {
    throw (isTokenError(error) ? undefined : notWritable(path)) ?? error;
  }
}

function openWritable(path: string): OpenFile {
  const { DatabaseSync } = builtin("node:sqlite");
  prepareFile(path);
  // Before it is opened: what replaces it meanwhile is noticed at the next call.
  const identity = identityOf(path);
  const database = new DatabaseSync(path);
  try {
    const connection = connectionOver(database, path);
    // No waiting inside SQLite: that would stop the event loop. The store tries again by itself.
    database.exec("PRAGMA busy_timeout = 0");
    refuseForeignFile(connection);
    useWriteAheadLog(connection);
    database.exec(
      "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA journal_size_limit = 16777216",
    );
    applyMigrations(connection);
    return { database, connection, identity };
  } catch (error) {
    database.close();
    throw error;
  }
}

function useWriteAheadLog(connection: Connection): void {
  const [mode] = connection.rows("PRAGMA journal_mode = WAL");
  if (mode?.journal_mode === "wal") return;
  throw new StoreFailedError(
    "The SQLite file cannot have a write-ahead log where it is; put it on a local disk",
  );
}

function connectionOver(database: DatabaseSync, path: string): Connection {
  const statements = new Map<string, StatementSync>();
  const prepared = (sql: string): StatementSync => {
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = database.prepare(sql);
      statements.set(sql, statement);
    }
    return statement;
  };
  return {
    path,
    rows: (sql, bindings = {}) => prepared(sql).all(bindings),
    changes: (sql, bindings = {}) => Number(prepared(sql).run(bindings).changes),
    transaction: (step) => {
      database.exec("BEGIN IMMEDIATE");
      try {
        const result = step();
        database.exec("COMMIT");
        return result;
      } catch (error) {
        rollBack(database);
        throw error;
      }
    },
  };
}

function rollBack(database: DatabaseSync): void {
  try {
    database.exec("ROLLBACK");
  } catch {
    // SQLite has rolled back by itself already, as it does when the disk is full. The first error is the one to tell.
  }
}
