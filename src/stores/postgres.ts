/**
 * Grants in PostgreSQL: for an application on several machines. Works over `pg`, or any client with its `query`, and
 * through PgBouncer in transaction mode.
 *
 * @module
 */
import { systemClock } from "../core/clock.ts";
import { InvalidOptionError } from "../core/errors.ts";
import type { GrantStore } from "../core/grant-store.ts";
import type { SealedTokens } from "../core/grant.ts";
import { leaseDurationMs } from "./lease-rule.ts";
import { isFull, isJustMade, mayRunAgain, postgresFailureFrom } from "./postgres-errors.ts";
import { INTENT_COLUMNS, intentFrom, readingFrom, type PostgresRow } from "./postgres-rows.ts";
import {
  postgresMigrationSql,
  postgresNames,
  type PostgresNames,
  type PostgresPlace,
} from "./postgres-schema.ts";
import { postgresStatements } from "./postgres-statements.ts";
import { readEach } from "./read-each.ts";
import { selectionFrom } from "./selector.ts";

export { postgresMigrationSql, type PostgresPlace };

/** What may be bound to a statement. */
export type PostgresValue = string | number | boolean | null;

/** A `Pool` of `pg`, or anything else that runs one statement with values and answers with its rows. */
export interface PostgresClient {
  query(text: string, values: PostgresValue[]): Promise<{ readonly rows: readonly unknown[] }>;
}

/** What {@link postgresStore} is told. */
export interface PostgresStoreOptions extends PostgresPlace {
  /** The application's own, such as `new Pool({ connectionString })` of `pg`. The store never closes it. */
  readonly client: PostgresClient;
}

/** How often a statement runs again that found other transactions in its way. */
const MAX_RUNS = 20;
/** The longest pause before that, in milliseconds: those that collided must not do so again in step. */
const LONGEST_PAUSE_MS = 20;
/** How often a statement is tried for which there was no connection: for a second or so. */
const MAX_TRIES_WHEN_FULL = 8;
/** The longest pause before that, in milliseconds. */
const LONGEST_PAUSE_WHEN_FULL_MS = 300;
const ENDED_AT_ONCE = 500;
const MAX_END_BATCHES = 1_000;
const INSERTS_PER_PURGE = 100;
const PURGED_AT_ONCE = 200;

/**
 * Makes a PostgreSQL store. Construction has no effects. The table has to be there: see {@link migratePostgres}.
 *
 * Each call is one statement, and so one transaction; time is the database's. Expired grants are purged along the way.
 * How long a call may take is the client's and the server's to say (`connectionTimeoutMillis`, `statement_timeout`).
 *
 * @throws {@link InvalidOptionError} for a client without `query()`, and for a bad name.
 */
export function postgresStore(options: PostgresStoreOptions): GrantStore {
  const names = postgresNames(options);
  const statements = postgresStatements(names);
  const run = runnerOf(checkedClient(options.client), names);
  let inserts = 0;
  let isPurging = false;

  const purge = async (limit: number): Promise<number> => {
    if (!(limit > 0)) return 0;
    const [row] = await run<{ purged: unknown }>("purge", statements.purge, [whole(limit)]);
    return Number(row?.purged);
  };

  /** Beside the insert, which is done and must neither wait for it nor fail by it: what is left goes the next time. */
  const purgeQuietly = (): void => {
    if (isPurging) return;
    isPurging = true;
    const done = (): void => {
      isPurging = false;
    };
    purge(PURGED_AT_ONCE).then(done, done);
  };

  return {
    kind: "postgres",

    insert: async (grant) => {
      const { id, sessionRef, subjectRef, sidRef, provider, issuer, clientId } = grant;
      const ends = [whole(grant.absoluteEndMs), whole(grant.slidingEndMs)];
      const refs = [sessionRef, subjectRef, sidRef, provider, issuer, clientId];
      const rows = await run("insert", statements.insert, [id, ...tokenValues(grant), ...refs, ...ends]);
      if (rows.length === 0) return false;
      if (inserts++ % INSERTS_PER_PURGE === 0) purgeQuietly();
      return true;
    },

    read: async (id) => {
      const [row] = await run<PostgresRow>("read", statements.read, [id]);
      return row && readingFrom(row);
    },

    acquireLease: async (id, { holder, attemptId, durationMs, deadlineMs }) => {
      const values = [id, holder, attemptId, whole(leaseDurationMs(durationMs)), whole(deadlineMs)];
      const [row] = await run<AnsweredRow>("acquireLease", statements.acquireLease, values);
      if (row === undefined) return { status: "absent" };
      const reading = readingFrom(row);
      const { grant, storeNowMs } = reading;
      if (!row.is_written) return { status: grant.state === "ended" ? "ended" : "held", ...reading };
      const lease = grant.lease ?? { holder, fence: grant.fence, untilMs: storeNowMs };
      return { status: "acquired", lease, previousIntent: previousIntentFrom(row), ...reading };
    },

    renewLease: async (id, { holder, fence }, durationMs) => {
      const values = [id, holder, fence, whole(leaseDurationMs(durationMs))];
      return (await run("renewLease", statements.renewLease, values)).length === 1;
    },

    releaseLease: async (id, { holder, fence }, { intent, backoff }) => {
      const noted = [
        ...[intent?.attemptId ?? null, intent?.holder ?? null, intent?.parentVersion ?? null],
        ...[intent?.fence ?? null, wholeOrNull(intent?.startedAtMs), wholeOrNull(intent?.deadlineAtMs)],
        intent?.outcome ?? null,
      ];
      const pause = [backoff?.failures ?? null, wholeOrNull(backoff?.waitMs), backoff?.code ?? null];
      const values = [id, holder, fence, ...noted, backoff === undefined, ...pause];
      return (await run("releaseLease", statements.releaseLease, values)).length === 1;
    },

    commit: async (id, commit) => {
      const { expectedVersion, lease } = commit;
      const given = [
        expectedVersion,
        whole(commit.slidingEndMs),
        lease?.holder ?? null,
        lease?.fence ?? null,
      ];
      const values = [id, ...tokenValues(commit), ...given];
      const [row] = await run<AnsweredRow>("commit", statements.commit, values);
      if (row === undefined) return { status: "absent" };
      const reading = readingFrom(row);
      if (row.is_written) return { status: "committed", ...reading };
      return { status: reading.grant.state === "ended" ? "ended" : "conflict", ...reading };
    },

    addCandidate: async (id, { attemptId, sealedTokenSet, keyId, version }) => {
      const values = [id, attemptId, sealedTokenSet, keyId, version];
      return (await run("addCandidate", statements.addCandidate, values)).length === 1;
    },

    removeCandidate: async (id, attemptId) => {
      await run("removeCandidate", statements.removeCandidate, [id, attemptId]);
    },

    end: async (id, reason, expectedVersion) => {
      const [row] = await run<PostgresRow>("end", statements.end, [id, reason, expectedVersion ?? null]);
      return row && readingFrom(row).grant;
    },

    endMatching: async (selector, reason) => {
      const { field, value } = selectionFrom(selector);
      const values = [value, reason, ENDED_AT_ONCE];
      const ended = [];
      for (let batch = 0; batch < MAX_END_BATCHES; batch++) {
        const rows = await run<PostgresRow>("endMatching", statements.endMatching[field], values);
        ended.push(...readEach(rows, (row) => readingFrom(row).grant).grants);
        if (rows.length < ENDED_AT_ONCE) break;
      }
      return ended;
    },

    findMatching: async (selector, limit, state = "live") => {
      const { field, value } = selectionFrom(selector);
      const values = [value, whole(limit), state];
      const rows = await run<PostgresRow>("findMatching", statements.findMatching[field], values);
      return readEach(rows, (row) => readingFrom(row).grant).grants;
    },

    wipe: async (id) => {
      await run("wipe", statements.wipe, [id]);
    },

    reseal: async (id, { expectedVersion, expectedSealedTokenSet, sealedTokenSet, keyId, candidates }) => {
      const expected = [expectedVersion, expectedSealedTokenSet];
      const values = [id, ...expected, sealedTokenSet, keyId, JSON.stringify(candidates)];
      return (await run("reseal", statements.reseal, values)).length === 1;
    },

    scan: async (cursor, limit) => {
      const rows = await run<PostgresRow>("scan", statements.scan, [cursor, whole(limit)]);
      const next = rows.length < limit ? null : (rows.at(-1)?.id ?? null);
      return { ...readEach(rows, (row) => readingFrom(row).grant), next };
    },

    slide: async (id, slidingEndMs) => {
      await run("slide", statements.slide, [id, whole(slidingEndMs)]);
    },

    purge,

    close: () => Promise.resolve(),
  };
}

/**
 * Makes the table where it is missing, and brings an older one up to date. It may run at every start and in several
 * processes at once; what a newer release has made is left alone, because a migration only adds.
 *
 * The role needs the right to create what is missing, and where nothing is, only to read: see docs/postgres.md.
 *
 * @returns Once the table is there. Rejects with `StoreFailedError`, and has changed nothing, where it could not be made.
 * @throws {@link InvalidOptionError} for a client without `query()`, and for a bad name.
 */
export async function migratePostgres(options: PostgresStoreOptions): Promise<void> {
  const names = postgresNames(options);
  await runnerOf(checkedClient(options.client), names)("migrate", postgresMigrationSql(options), []);
}

/** The row that a step wrote, or the one that it found. */
interface AnsweredRow extends PostgresRow {
  readonly is_written: boolean;
}

type Run = <Row>(operation: string, text: string, values: PostgresValue[]) => Promise<readonly Row[]>;

/**
 * Runs a statement, and again where it failed without effect: because of other transactions, at stricter isolation than
 * ours, or because a burst of processes has taken all connections.
 */
function runnerOf(client: PostgresClient, names: PostgresNames): Run {
  return async <Row>(operation: string, text: string, values: PostgresValue[]): Promise<readonly Row[]> => {
    for (let runs = 1; ; runs++) {
      try {
        const { rows } = await client.query(text, values);
        return rows as readonly Row[];
      } catch (error) {
        // At a stricter isolation a migration does not see what another one has just made, until it begins anew.
        const sawTooLittle = operation === "migrate" && runs === 1 && isJustMade(error);
        if (sawTooLittle || (runs < MAX_RUNS && mayRunAgain(error))) {
          await systemClock.sleep(1 + Math.random() * (LONGEST_PAUSE_MS - 1));
          continue;
        }
        if (runs < MAX_TRIES_WHEN_FULL && isFull(error)) {
          await systemClock.sleep(1 + Math.random() * (LONGEST_PAUSE_WHEN_FULL_MS - 1));
          continue;
        }
        throw postgresFailureFrom(operation, error, names);
      }
    }
  };
}

function checkedClient(client: unknown): PostgresClient {
  if (typeof (Object(client) as { query?: unknown }).query === "function") return client as PostgresClient;
  throw new InvalidOptionError("client", "must have query(text, values), as new Pool() of pg has");
}

function previousIntentFrom(row: AnsweredRow): ReturnType<typeof intentFrom> {
  const columns = row as unknown as Readonly<Record<string, unknown>>;
  const previous = INTENT_COLUMNS.map((column) => [column, columns[`previous_${column}`]] as const);
  return intentFrom(Object.fromEntries(previous) as unknown as PostgresRow);
}

function tokenValues(tokens: SealedTokens): PostgresValue[] {
  return [
    ...[tokens.sealedTokenSet, tokens.keyId, whole(tokens.accessTokenIssuedAtMs)],
    ...[wholeOrNull(tokens.accessTokenExpiresAtMs), wholeOrNull(tokens.refreshTokenExpiresAtMs)],
    tokens.refreshable,
  ];
}

/** The columns hold whole milliseconds; PostgreSQL refuses a fraction there. */
function whole(value: number): number {
  return Math.round(value);
}

function wholeOrNull(value: number | null | undefined): number | null {
  return value == null ? null : whole(value);
}
