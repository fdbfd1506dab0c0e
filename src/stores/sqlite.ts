/**
 * Grants in a SQLite file, through the SQLite that Node has built in: nothing to install, and the grants survive a
 * restart. Several processes of one machine may share the file; several machines may not.
 *
 * Needs Node 22.13 or newer. Where SQLite is still experimental, as in Node 22, Node prints an `ExperimentalWarning` once.
 *
 * @module
 */
import { systemClock, type Clock } from "../core/clock.ts";
import { InvalidOptionError, StoreFailedError, isTokenError } from "../core/errors.ts";
import type { GrantStore } from "../core/grant-store.ts";
import type { GrantRecord } from "../core/grant.ts";
import { refuseServerless, type LocalStore } from "./refuse-serverless.ts";
import { connect, disconnect, type Connection } from "./sqlite-connection.ts";
import { isBusy, storeFailureFrom } from "./sqlite-errors.ts";
import { sqliteSteps } from "./sqlite-steps.ts";

/** What {@link sqliteStore} is told. */
export interface SqliteStoreOptions {
  /**
   * The file, absolute or from the working directory, such as `.nolapse/grants.db`. Missing directories are made for
   * the owner only (0700), and so are the file and its companions `-wal` and `-shm` (0600). Keep it on a local disk:
   * network file systems do not lock as SQLite needs.
   */
  readonly path: string;
  /** How long a call waits for other processes' writes in all, in milliseconds. @defaultValue 2,000 */
  readonly busyRetryMs?: number;
  /**
   * Whether to work in production on a serverless host, whose disks end with their instance: for a `path` on a volume that
   * lasts, with one instance that has it, as on Knative. @defaultValue false
   */
  readonly allowServerless?: boolean;
  /** Waits between such tries. Leases go by the database's own clock. @defaultValue the real clock */
  readonly clock?: Pick<Clock, "sleep">;
  /** Spreads those waits: numbers in [0, 1). @defaultValue `Math.random` */
  readonly random?: () => number;
}

const DEFAULT_BUSY_RETRY_MS = 2_000;
const MAX_BUSY_RETRY_MS = 60_000;
const FIRST_WAIT_MS = 2;
const LONGEST_WAIT_MS = 25;
const ENDED_AT_ONCE = 100;
const MAX_END_BATCHES = 5_000;
const INSERTS_PER_PURGE = 100;
const PURGED_AT_ONCE = 200;
const AS_A_LOCAL_STORE: LocalStore = {
  name: "sqliteStore()",
  has: "a disk of its own, which is read-only or ends with it",
  exception: "where path is on a volume that lasts and there is one instance",
};

/**
 * Makes a SQLite store. Construction has no effects: the file is opened at first use, once per process and path.
 *
 * Each call is one synchronous transaction, so nothing of this process comes between its check and its write, and a
 * lock of another process is never waited for on the event loop but tried again later. Expired grants are purged
 * along the way.
 *
 * @throws {@link InvalidOptionError} for a missing path or a nonsense duration; at first use, for production on
 *   a serverless host (SEC-73), for a Node without SQLite, for a place that cannot be written, for a file of something else
 *   or of a newer nolapse, and for a file that others can read and that cannot be tightened.
 */
export function sqliteStore(options: SqliteStoreOptions): GrantStore {
  const { path, busyRetryMs = DEFAULT_BUSY_RETRY_MS, clock = systemClock, random = Math.random } = options;
  checkPath(path);
  if (!(busyRetryMs >= 0 && busyRetryMs <= MAX_BUSY_RETRY_MS)) {
    const problem = `must be 0 to ${MAX_BUSY_RETRY_MS} milliseconds, and is ${String(busyRetryMs)}`;
    throw new InvalidOptionError("busyRetryMs", problem);
  }
  let connection: Connection | undefined;
  let closed = false;
  let inserts = 0;

  const opened = (): Connection => {
    if (closed) throw new StoreFailedError("The SQLite store is closed");
    return (connection ??= openFirst());
  };
  const openFirst = (): Connection => {
    if (options.allowServerless !== true) refuseServerless(AS_A_LOCAL_STORE, process.env);
    return connect(path);
  };

  /** Runs one synchronous step, again and again while another process has the file locked, up to the bound. */
  const run = async <T>(step: (connection: Connection) => T): Promise<T> => {
    let waitedMs = 0;
    for (let longestMs = FIRST_WAIT_MS; ; longestMs = Math.min(longestMs * 2, LONGEST_WAIT_MS)) {
      try {
        return step(opened());
      } catch (error) {
        if (isTokenError(error)) throw error;
        if (!isBusy(error)) throw storeFailureFrom(error);
      }
      const waitMs = Math.min(1 + random() * longestMs, busyRetryMs - waitedMs);
      if (waitMs <= 0) throw new StoreFailedError(`The SQLite file was locked for ${busyRetryMs} ms`);
      await clock.sleep(waitMs);
      waitedMs += waitMs;
    }
  };

  return {
    kind: "sqlite",
    insert: (grant) =>
      run((connection) => {
        const isNew = sqliteSteps.insert(connection, grant);
        if (isNew && inserts++ % INSERTS_PER_PURGE === 0) purgeQuietly(connection);
        return isNew;
      }),
    read: (...args) => run((connection) => sqliteSteps.read(connection, ...args)),
    acquireLease: (...args) => run((connection) => sqliteSteps.acquireLease(connection, ...args)),
    renewLease: (...args) => run((connection) => sqliteSteps.renewLease(connection, ...args)),
    releaseLease: (...args) => run((connection) => sqliteSteps.releaseLease(connection, ...args)),
    commit: (...args) => run((connection) => sqliteSteps.commit(connection, ...args)),
    addCandidate: (...args) => run((connection) => sqliteSteps.addCandidate(connection, ...args)),
    removeCandidate: (...args) => run((connection) => sqliteSteps.removeCandidate(connection, ...args)),
    end: (...args) => run((connection) => sqliteSteps.end(connection, ...args)),
    endMatching: async (selector, reason) => {
      const all: GrantRecord[] = [];
      for (let batch = 0; batch < MAX_END_BATCHES; batch++) {
        const { ended, grants } = await run((connection) =>
          sqliteSteps.endMatching(connection, selector, reason, ENDED_AT_ONCE),
        );
        all.push(...grants);
        if (ended < ENDED_AT_ONCE) break;
        // A batch is synchronous: between two of them the rest of the process gets its turn.
        await clock.sleep(0);
      }
      return all;
    },
    findMatching: (...args) => run((connection) => sqliteSteps.findMatching(connection, ...args)),
    reseal: (...args) => run((connection) => sqliteSteps.reseal(connection, ...args)),
    scan: (...args) => run((connection) => sqliteSteps.scan(connection, ...args)),
    wipe: (...args) => run((connection) => sqliteSteps.wipe(connection, ...args)),
    slide: (...args) => run((connection) => sqliteSteps.slide(connection, ...args)),
    purge: (...args) => run((connection) => sqliteSteps.purge(connection, ...args)),
    close: () => {
      if (connection) disconnect(connection);
      connection = undefined;
      closed = true;
      return Promise.resolve();
    },
  };
}

/** The insert beside it is done and must not be reported as failed: what is left is purged the next time. */
function purgeQuietly(connection: Connection): void {
  try {
    sqliteSteps.purge(connection, PURGED_AT_ONCE);
  } catch {
    return;
  }
}

function checkPath(path: unknown): void {
  if (typeof path !== "string" || path.trim() === "" || path.includes("\0")) {
    throw new InvalidOptionError("path", "must name a file, such as .nolapse/grants.db");
  }
  if (path.startsWith(":memory:")) {
    throw new InvalidOptionError(
      "path",
      "is :memory:, which no process can share; use memoryStore() instead",
    );
  }
}
