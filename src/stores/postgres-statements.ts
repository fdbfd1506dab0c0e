/**
 * The statements of the PostgreSQL store. Each operation is one of them, so that each is one transaction, also through
 * a pooler that hands every statement to another connection.
 *
 * Where the database's clock or the row as it was matters, three steps stand in one statement:
 *
 * 1. `locked` locks the row, and waits for whoever has it. `FOR UPDATE` gives the newest version of the row, not the
 *    one of the statement's snapshot.
 * 2. `timed` reads the clock, once, after that wait. A clock read before it would be as old as the wait was long, and
 *    take a lease that was renewed meanwhile for one of a clock that was set back.
 * 3. `written` judges and writes by those two.
 *
 * @see [Read Committed](https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED)
 *
 * @module
 */
import { GRANT_FORMAT, MAX_CANDIDATES } from "../core/grant.ts";
import { MAX_LEASE_MS } from "./lease-rule.ts";
import { COLUMNS, INTENT_COLUMNS } from "./postgres-rows.ts";
import type { PostgresNames } from "./postgres-schema.ts";
import type { Selection } from "./selector.ts";

/** The database's clock, in epoch milliseconds. It moves on within a statement. */
const NOW = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
const ALL = COLUMNS.join(", ");
const SELECTED_BY: Readonly<Record<Selection["field"], string>> = {
  sessionRef: "session_ref",
  subjectRef: "subject_ref",
  sidRef: "sid_ref",
};

/** What each operation sends. The placeholders are named beside the statements. */
export interface PostgresStatements {
  readonly insert: string;
  readonly read: string;
  readonly acquireLease: string;
  readonly renewLease: string;
  readonly releaseLease: string;
  readonly commit: string;
  readonly addCandidate: string;
  readonly removeCandidate: string;
  readonly end: string;
  readonly endMatching: Readonly<Record<Selection["field"], string>>;
  readonly findMatching: Readonly<Record<Selection["field"], string>>;
  readonly wipe: string;
  readonly reseal: string;
  readonly scan: string;
  readonly slide: string;
  readonly purge: string;
}

/** The statements for one table. */
export function postgresStatements({ grants }: PostgresNames): PostgresStatements {
  return {
    insert: insert(grants),
    // 1 id
    read: `SELECT ${ALL}, ${NOW} AS now_ms FROM ${grants} WHERE id = $1::text`,
    ...leaseStatements(grants),
    commit: commit(grants),
    ...candidateStatements(grants),
    // 1 id, 2 reason, 3 expected version or null
    end: `${oneTimed(grants)}, ${ended(grants, "$2::text", "($3::bigint IS NULL OR timed.version = $3::bigint)")}
      SELECT ${ALL}, now_ms FROM timed WHERE EXISTS (SELECT FROM written)`,
    endMatching: endMatching(grants),
    findMatching: findMatching(grants),
    // 1 id
    wipe: `UPDATE ${grants} SET sealed_token_set = '', candidates = '[]' WHERE id = $1::text AND state = 'ended'`,
    reseal: reseal(grants),
    // 1 cursor or null, 2 limit
    scan: `SELECT ${ALL}, ${NOW} AS now_ms FROM ${grants} WHERE $1::text IS NULL OR id > $1::text
      ORDER BY id LIMIT $2::bigint`,
    // 1 id, 2 sliding end
    slide: `UPDATE ${grants} SET sliding_end_ms = LEAST($2::bigint, absolute_end_ms)
      WHERE id = $1::text AND state = 'live' AND sliding_end_ms < LEAST($2::bigint, absolute_end_ms)`,
    // 1 limit. The clock in a subquery is read once, so that the index on the end can be used.
    purge: `WITH due AS MATERIALIZED (SELECT id FROM ${grants} WHERE sliding_end_ms <= (SELECT ${NOW})
        ORDER BY sliding_end_ms LIMIT $1::bigint FOR UPDATE SKIP LOCKED),
      purged AS (DELETE FROM ${grants} AS g USING due WHERE g.id = due.id RETURNING 1)
      SELECT count(*) AS purged FROM purged`,
  };
}

/** 1 id, 2 to 7 as {@link TOKENS}, 8 session, 9 subject, 10 sid, 11 provider, 12 issuer, 13 client, 14 absolute end, 15 sliding end. */
function insert(grants: string): string {
  return `INSERT INTO ${grants} (id, format, version, sealed_token_set, key_id, access_token_issued_at_ms,
      access_token_expires_at_ms, refresh_token_expires_at_ms, refreshable, session_ref, subject_ref, sid_ref,
      provider, issuer, client_id, absolute_end_ms, sliding_end_ms, created_at_ms, state, fence)
    VALUES ($1::text, ${GRANT_FORMAT}, 1, $2::text, $3::text, $4::bigint, $5::bigint, $6::bigint, $7::boolean,
      $8::text, $9::text, $10::text, $11::text, $12::text, $13::text,
      $14::bigint, LEAST($15::bigint, $14::bigint), ${NOW}, 'live', 0)
    ON CONFLICT (id) DO NOTHING
    RETURNING 1 AS inserted`;
}

/** 2 sealed token set, 3 key, 4 issued at, 5 and 6 the ends of access and refresh token, 7 refreshable. */
const TOKENS = `sealed_token_set = $2::text, key_id = $3::text, access_token_issued_at_ms = $4::bigint,
  access_token_expires_at_ms = $5::bigint, refresh_token_expires_at_ms = $6::bigint, refreshable = $7::boolean`;

const TIMED = `timed AS MATERIALIZED (SELECT locked.*, ${NOW} AS now_ms FROM locked)`;

/** 1 id. */
function oneTimed(grants: string): string {
  return `WITH locked AS MATERIALIZED (SELECT * FROM ${grants} WHERE id = $1::text FOR UPDATE), ${TIMED}`;
}

/** One row in any case, unless there is none: the written one, else the one that was found. */
function writtenOrFound(more: (table: string) => string = () => ""): string {
  return `SELECT true AS is_written, ${ALL}, now_ms${more("written")} FROM written
    UNION ALL
    SELECT false, ${ALL}, now_ms${more("timed")} FROM timed WHERE NOT EXISTS (SELECT FROM written)`;
}

function columnsOf(table: string): string {
  return COLUMNS.map((column) => `${table}.${column}`).join(", ");
}

const NEWEST_LEASE = "timed.lease_holder = $2::text AND timed.fence = $3::bigint";

function leaseStatements(
  grants: string,
): Pick<PostgresStatements, "acquireLease" | "renewLease" | "releaseLease"> {
  const previous = (table: string): string =>
    INTENT_COLUMNS.map((column) => `${table}.${column} AS previous_${column}`).join(", ");
  return {
    // 1 id, 2 holder, 3 attempt, 4 duration, 5 deadline
    acquireLease: `${oneTimed(grants)},
      written AS (UPDATE ${grants} AS g SET fence = timed.fence + 1,
          lease_holder = $2::text, lease_until_ms = timed.now_ms + $4::bigint,
          intent_attempt_id = $3::text, intent_holder = $2::text, intent_parent_version = timed.version,
          intent_fence = timed.fence + 1,
          intent_started_at_ms = CASE WHEN timed.intent_parent_version = timed.version
            THEN LEAST(timed.intent_started_at_ms, timed.now_ms) ELSE timed.now_ms END,
          intent_deadline_at_ms = timed.now_ms + $5::bigint, intent_outcome = 'pending'
        FROM timed WHERE g.id = timed.id AND timed.state = 'live'
          AND (timed.lease_holder IS NULL OR timed.lease_holder = $2::text
            OR timed.lease_until_ms <= timed.now_ms OR timed.lease_until_ms > timed.now_ms + ${MAX_LEASE_MS})
        RETURNING ${columnsOf("g")}, timed.now_ms, ${previous("timed")})
      ${writtenOrFound((table) => `, ${table === "written" ? previousNames() : previous("timed")}`)}`,
    // 1 id, 2 holder, 3 fence, 4 duration
    renewLease: `${oneTimed(grants)}
      UPDATE ${grants} AS g SET lease_until_ms = timed.now_ms + $4::bigint
      FROM timed WHERE g.id = timed.id AND ${NEWEST_LEASE} RETURNING 1 AS renewed`,
    // 1 id, 2 holder, 3 fence, 4 to 10 the intent, 11 whether the pause is left as it is, 12 failures, 13 wait, 14 code
    releaseLease: `${oneTimed(grants)}
      UPDATE ${grants} AS g SET lease_holder = NULL, lease_until_ms = NULL,
        intent_attempt_id = $4::text, intent_holder = $5::text, intent_parent_version = $6::bigint,
        intent_fence = $7::bigint, intent_started_at_ms = $8::bigint, intent_deadline_at_ms = $9::bigint,
        intent_outcome = $10::text,
        backoff_failures = CASE WHEN $11::boolean THEN timed.backoff_failures ELSE $12::integer END,
        backoff_until_ms = CASE WHEN $11::boolean THEN timed.backoff_until_ms ELSE timed.now_ms + $13::bigint END,
        backoff_code = CASE WHEN $11::boolean THEN timed.backoff_code ELSE $14::text END
      FROM timed WHERE g.id = timed.id AND ${NEWEST_LEASE} RETURNING 1 AS released`,
  };
}

function previousNames(): string {
  return INTENT_COLUMNS.map((column) => `previous_${column}`).join(", ");
}

/** 1 id, 2 to 7 as {@link TOKENS}, 8 expected version, 9 sliding end, 10 holder and 11 fence of the lease or nulls. */
function commit(grants: string): string {
  const intent = INTENT_COLUMNS.map(
    (column) =>
      `${column} = CASE WHEN timed.intent_parent_version = timed.version THEN NULL ELSE timed.${column} END`,
  ).join(", ");
  const isHolder = "timed.lease_holder = $10::text AND timed.fence = $11::bigint";
  return `${oneTimed(grants)},
    written AS (UPDATE ${grants} AS g SET ${TOKENS}, version = timed.version + 1,
        sliding_end_ms = GREATEST(timed.sliding_end_ms, LEAST($9::bigint, timed.absolute_end_ms)),
        ${intent},
        backoff_failures = NULL, backoff_until_ms = NULL, backoff_code = NULL,
        lease_holder = CASE WHEN ${isHolder} THEN NULL ELSE timed.lease_holder END,
        lease_until_ms = CASE WHEN ${isHolder} THEN NULL ELSE timed.lease_until_ms END
      FROM timed WHERE g.id = timed.id AND timed.state = 'live' AND timed.version = $8::bigint
      RETURNING ${columnsOf("g")}, timed.now_ms)
    ${writtenOrFound()}`;
}

function candidateStatements(grants: string): Pick<PostgresStatements, "addCandidate" | "removeCandidate"> {
  return {
    // 1 id, 2 attempt, 3 sealed token set, 4 key, 5 version
    addCandidate: `${oneTimed(grants)}
      UPDATE ${grants} AS g SET candidates = (
        SELECT jsonb_agg(kept.value ORDER BY kept.place) FROM (
          SELECT given.value, given.place FROM (
            SELECT value, ordinality AS place
              FROM jsonb_array_elements(timed.candidates) WITH ORDINALITY WHERE value->>'attemptId' <> $2::text
            UNION ALL
            SELECT jsonb_build_object('attemptId', $2::text, 'sealedTokenSet', $3::text, 'keyId', $4::text,
              'version', $5::bigint, 'keptAtMs', timed.now_ms), jsonb_array_length(timed.candidates) + 1
          ) AS given ORDER BY given.place DESC LIMIT ${MAX_CANDIDATES}
        ) AS kept)
      FROM timed WHERE g.id = timed.id AND timed.state = 'live' RETURNING 1 AS kept`,
    // 1 id, 2 attempt
    removeCandidate: `UPDATE ${grants} AS g SET candidates = COALESCE((
        SELECT jsonb_agg(value ORDER BY ordinality)
          FROM jsonb_array_elements(g.candidates) WITH ORDINALITY WHERE value->>'attemptId' <> $2::text), '[]')
      WHERE id = $1::text AND candidates @> jsonb_build_array(jsonb_build_object('attemptId', $2::text))`,
  };
}

function ended(grants: string, reason: string, condition = "true"): string {
  return `written AS (UPDATE ${grants} AS g
    SET state = 'ended', end_reason = ${reason}, ended_at_ms = timed.now_ms
    FROM timed WHERE g.id = timed.id AND timed.state = 'live' AND ${condition} RETURNING g.id)`;
}

/** 1 value, 2 reason, 3 limit. In the order of the ids, so that two of them do not lock each other out. */
function endMatching(grants: string): PostgresStatements["endMatching"] {
  const by = (column: string): string => `WITH locked AS MATERIALIZED (SELECT * FROM ${grants}
      WHERE ${column} = $1::text AND state = 'live' ORDER BY id LIMIT $3::bigint FOR UPDATE), ${TIMED},
    ${ended(grants, "$2::text")}
    SELECT ${columnsOf("timed")}, timed.now_ms FROM timed JOIN written ON written.id = timed.id`;
  return {
    sessionRef: by(SELECTED_BY.sessionRef),
    subjectRef: by(SELECTED_BY.subjectRef),
    sidRef: by(SELECTED_BY.sidRef),
  };
}

/** 1 value, 2 limit, 3 state. */
function findMatching(grants: string): PostgresStatements["findMatching"] {
  const by = (column: string): string => `SELECT ${ALL}, ${NOW} AS now_ms FROM ${grants}
    WHERE ${column} = $1::text AND state = $3::text
    ORDER BY COALESCE(ended_at_ms, created_at_ms) DESC LIMIT $2::bigint`;
  return {
    sessionRef: by(SELECTED_BY.sessionRef),
    subjectRef: by(SELECTED_BY.subjectRef),
    sidRef: by(SELECTED_BY.sidRef),
  };
}

/** 1 id, 2 expected version, 3 expected sealed token set, 4 sealed token set, 5 key, 6 candidates as JSON. */
function reseal(grants: string): string {
  return `UPDATE ${grants} AS g SET sealed_token_set = $4::text, key_id = $5::text, candidates = COALESCE((
      SELECT jsonb_agg(kept.value || COALESCE((
          SELECT jsonb_build_object('sealedTokenSet', given.value->'sealedTokenSet', 'keyId', given.value->'keyId')
            FROM jsonb_array_elements($6::jsonb) WITH ORDINALITY AS given
            WHERE given.value->'attemptId' = kept.value->'attemptId' ORDER BY given.ordinality LIMIT 1
        ), '{}') ORDER BY kept.ordinality)
      FROM jsonb_array_elements(g.candidates) WITH ORDINALITY AS kept), '[]')
    WHERE id = $1::text AND version = $2::bigint AND sealed_token_set = $3::text
    RETURNING 1 AS resealed`;
}
