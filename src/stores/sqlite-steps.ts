/**
 * The methods of the SQLite store as synchronous steps. Leases, intents and pauses go by the database's clock, read
 * within the statement that judges or writes them.
 *
 * @module
 */
import type {
  Commit,
  CommitAnswer,
  GrantPage,
  GrantReading,
  GrantSelector,
  LeaseAnswer,
  LeaseNote,
  LeaseRequest,
  Reseal,
} from "../core/grant-store.ts";
import {
  GRANT_FORMAT,
  MAX_CANDIDATES,
  type Candidate,
  type EndReason,
  type GrantRecord,
  type Lease,
  type NewGrant,
} from "../core/grant.ts";
import { leaseDurationMs, MAX_LEASE_MS } from "./lease-rule.ts";
import { readEach } from "./read-each.ts";
import { resealed } from "./resealed.ts";
import { selectionFrom, type Selection } from "./selector.ts";
import { intentBindings, tokenBindings, whole } from "./sqlite-bindings.ts";
import type { Connection } from "./sqlite-connection.ts";
import { idOf, readingFrom } from "./sqlite-rows.ts";

/** The database's clock, in epoch milliseconds. It stands still within one statement. */
const NOW = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";
const READ = `SELECT *, ${NOW} AS now_ms FROM grants WHERE id = $id`;
const RETURNING = `RETURNING *, ${NOW} AS now_ms`;
const NEWEST_LEASE = "id = $id AND lease_holder = $holder AND fence = $fence";
const TOKENS = `sealed_token_set = $sealedTokenSet, key_id = $keyId,
  access_token_issued_at_ms = $accessTokenIssuedAtMs, access_token_expires_at_ms = $accessTokenExpiresAtMs,
  refresh_token_expires_at_ms = $refreshTokenExpiresAtMs, refreshable = $refreshable`;
const INTENT_COLUMNS = [
  "intent_attempt_id",
  "intent_holder",
  "intent_parent_version",
  "intent_fence",
  "intent_started_at_ms",
  "intent_deadline_at_ms",
  "intent_outcome",
] as const;
const SLIDING_END = "MAX(sliding_end_ms, MIN($slidingEndMs, absolute_end_ms))";

const INSERT = `INSERT INTO grants (id, format, version, session_ref, subject_ref, sid_ref, provider, issuer, client_id,
    sealed_token_set, key_id, access_token_issued_at_ms, access_token_expires_at_ms, refresh_token_expires_at_ms,
    refreshable, created_at_ms, absolute_end_ms, sliding_end_ms, state, fence, candidates)
  VALUES ($id, ${GRANT_FORMAT}, 1, $sessionRef, $subjectRef, $sidRef, $provider, $issuer, $clientId,
    $sealedTokenSet, $keyId, $accessTokenIssuedAtMs, $accessTokenExpiresAtMs, $refreshTokenExpiresAtMs,
    $refreshable, ${NOW}, $absoluteEndMs, MIN($slidingEndMs, $absoluteEndMs), 'live', 0, '[]')
  ON CONFLICT (id) DO NOTHING`;

const ACQUIRE = `UPDATE grants SET fence = fence + 1, lease_holder = $holder, lease_until_ms = ${NOW} + $durationMs,
    intent_attempt_id = $attemptId, intent_holder = $holder, intent_parent_version = version,
    intent_fence = fence + 1,
    intent_started_at_ms = IIF(intent_parent_version = version, MIN(intent_started_at_ms, ${NOW}), ${NOW}),
    intent_deadline_at_ms = ${NOW} + $deadlineMs,
    intent_outcome = 'pending'
  WHERE id = $id AND state = 'live' AND (lease_holder IS NULL OR lease_holder = $holder
    OR lease_until_ms <= ${NOW} OR lease_until_ms > ${NOW} + ${MAX_LEASE_MS})
  ${RETURNING}`;

const RENEW = `UPDATE grants SET lease_until_ms = ${NOW} + $durationMs WHERE ${NEWEST_LEASE}`;

const RELEASE = `UPDATE grants SET lease_holder = NULL, lease_until_ms = NULL,
    intent_attempt_id = $attemptId, intent_holder = $intentHolder, intent_parent_version = $parentVersion,
    intent_fence = $intentFence, intent_started_at_ms = $startedAtMs, intent_deadline_at_ms = $deadlineAtMs,
    intent_outcome = $outcome`;
const RELEASE_ONLY = `${RELEASE} WHERE ${NEWEST_LEASE}`;
const RELEASE_WITH_BACKOFF = `${RELEASE}, backoff_failures = $failures, backoff_until_ms = ${NOW} + $waitMs,
    backoff_code = $code WHERE ${NEWEST_LEASE}`;

const COMMIT = `UPDATE grants SET ${TOKENS}, version = version + 1, sliding_end_ms = ${SLIDING_END},
    ${INTENT_COLUMNS.map((column) => `${column} = IIF(intent_parent_version = version, NULL, ${column})`).join(", ")},
    backoff_failures = NULL, backoff_until_ms = NULL, backoff_code = NULL,
    lease_until_ms = IIF(lease_holder = $holder AND fence = $fence, NULL, lease_until_ms),
    lease_holder = IIF(lease_holder = $holder AND fence = $fence, NULL, lease_holder)
  WHERE id = $id AND state = 'live' AND version = $expectedVersion
  ${RETURNING}`;

const KEEP_CANDIDATES = "UPDATE grants SET candidates = $candidates WHERE id = $id";
const END = `UPDATE grants SET state = 'ended', end_reason = $reason, ended_at_ms = ${NOW}
  WHERE id = $id AND state = 'live'`;
const WIPE = "UPDATE grants SET sealed_token_set = '', candidates = '[]' WHERE id = $id AND state = 'ended'";
const RESEAL = `UPDATE grants SET sealed_token_set = $sealedTokenSet, key_id = $keyId, candidates = $candidates
  WHERE id = $id`;
const SCAN = `SELECT *, ${NOW} AS now_ms FROM grants WHERE id > $cursor ORDER BY id LIMIT $limit`;
const SLIDE = `UPDATE grants SET sliding_end_ms = ${SLIDING_END} WHERE id = $id AND state = 'live'
  AND sliding_end_ms < MIN($slidingEndMs, absolute_end_ms)`;
const PURGE = `DELETE FROM grants WHERE id IN
  (SELECT id FROM grants WHERE sliding_end_ms <= ${NOW} ORDER BY sliding_end_ms LIMIT $limit)`;
const MATCHING: Readonly<Record<Selection["field"], string>> = {
  sessionRef: `SELECT *, ${NOW} AS now_ms FROM grants WHERE session_ref = $value AND state = $state`,
  subjectRef: `SELECT *, ${NOW} AS now_ms FROM grants WHERE subject_ref = $value AND state = $state`,
  sidRef: `SELECT *, ${NOW} AS now_ms FROM grants WHERE sid_ref = $value AND state = $state`,
};

/** `GrantStore` without the promises: each step is one statement or one transaction, and waits for nothing. */
export const sqliteSteps = {
  insert(connection: Connection, grant: NewGrant): boolean {
    const { id, sessionRef, subjectRef, sidRef, provider, issuer, clientId } = grant;
    return (
      connection.changes(INSERT, {
        ...{ id, sessionRef, subjectRef, sidRef, provider, issuer, clientId },
        ...tokenBindings(grant),
        absoluteEndMs: whole(grant.absoluteEndMs),
        slidingEndMs: whole(grant.slidingEndMs),
      }) === 1
    );
  },

  read(connection: Connection, id: string): GrantReading | undefined {
    const [row] = connection.rows(READ, { id });
    return row && readingFrom(row);
  },

  acquireLease(connection: Connection, id: string, request: LeaseRequest): LeaseAnswer {
    return connection.transaction(() => {
      const before = sqliteSteps.read(connection, id);
      if (before === undefined) return { status: "absent" };
      const { holder, attemptId, durationMs, deadlineMs } = request;
      const [row] = connection.rows(ACQUIRE, {
        ...{ id, holder, attemptId },
        durationMs: whole(leaseDurationMs(durationMs)),
        deadlineMs: whole(deadlineMs),
      });
      if (row === undefined) return { status: before.grant.state === "ended" ? "ended" : "held", ...before };
      const { grant, storeNowMs } = readingFrom(row);
      const lease: Lease = grant.lease ?? { holder, fence: grant.fence, untilMs: storeNowMs };
      return { status: "acquired", lease, previousIntent: before.grant.intent, grant, storeNowMs };
    });
  },

  renewLease(connection: Connection, id: string, { holder, fence }: Lease, durationMs: number): boolean {
    const bindings = { id, holder, fence, durationMs: whole(leaseDurationMs(durationMs)) };
    return connection.changes(RENEW, bindings) === 1;
  },

  releaseLease(connection: Connection, id: string, { holder, fence }: Lease, note: LeaseNote): boolean {
    const { intent, backoff } = note;
    const bindings = { id, holder, fence, ...intentBindings(intent) };
    if (backoff === undefined) return connection.changes(RELEASE_ONLY, bindings) === 1;
    const pause = backoff ?? { failures: null, waitMs: null, code: null };
    const { failures, code } = pause;
    const waitMs = pause.waitMs === null ? null : whole(pause.waitMs);
    return connection.changes(RELEASE_WITH_BACKOFF, { ...bindings, failures, code, waitMs }) === 1;
  },

  commit(connection: Connection, id: string, commit: Commit): CommitAnswer {
    return connection.transaction(() => {
      const [row] = connection.rows(COMMIT, {
        id,
        expectedVersion: commit.expectedVersion,
        slidingEndMs: whole(commit.slidingEndMs),
        holder: commit.lease?.holder ?? null,
        fence: commit.lease?.fence ?? null,
        ...tokenBindings(commit),
      });
      if (row) return { status: "committed", ...readingFrom(row) };
      const found = sqliteSteps.read(connection, id);
      if (found === undefined) return { status: "absent" };
      return { status: found.grant.state === "ended" ? "ended" : "conflict", ...found };
    });
  },

  addCandidate(connection: Connection, id: string, given: Omit<Candidate, "keptAtMs">): boolean {
    return connection.transaction(() => {
      const found = sqliteSteps.read(connection, id);
      if (found?.grant.state !== "live") return false;
      const { attemptId, sealedTokenSet, keyId, version } = given;
      const kept: Candidate = { attemptId, sealedTokenSet, keyId, version, keptAtMs: found.storeNowMs };
      const others = found.grant.candidates.filter((candidate) => candidate.attemptId !== attemptId);
      keepCandidates(connection, id, [...others, kept].slice(-MAX_CANDIDATES));
      return true;
    });
  },

  removeCandidate(connection: Connection, id: string, attemptId: string): void {
    connection.transaction(() => {
      const candidates = sqliteSteps.read(connection, id)?.grant.candidates ?? [];
      const others = candidates.filter((candidate) => candidate.attemptId !== attemptId);
      if (others.length < candidates.length) keepCandidates(connection, id, others);
    });
  },

  end(connection: Connection, id: string, reason: EndReason, version?: number): GrantRecord | undefined {
    return connection.transaction(() => {
      const grant = sqliteSteps.read(connection, id)?.grant;
      if (grant?.state !== "live" || (version !== undefined && grant.version !== version)) return undefined;
      connection.changes(END, { id, reason });
      return grant;
    });
  },

  /** Ends at most `limit` grants that match. `ended` counts those that cannot be read, too. */
  endMatching(
    connection: Connection,
    selector: GrantSelector,
    reason: EndReason,
    limit: number,
  ): { readonly ended: number; readonly grants: readonly GrantRecord[] } {
    const { field, value } = selectionFrom(selector);
    return connection.transaction(() => {
      const rows = connection.rows(`${MATCHING[field]} LIMIT $limit`, { value, state: "live", limit });
      for (const row of rows) connection.changes(END, { id: idOf(row), reason });
      return { ended: rows.length, grants: readEach(rows, (row) => readingFrom(row).grant).grants };
    });
  },

  findMatching(
    connection: Connection,
    selector: GrantSelector,
    limit: number,
    state: GrantRecord["state"] = "live",
  ): readonly GrantRecord[] {
    const { field, value } = selectionFrom(selector);
    const newest = `${MATCHING[field]} ORDER BY COALESCE(ended_at_ms, created_at_ms) DESC LIMIT $limit`;
    const rows = connection.rows(newest, { value, state, limit: whole(limit) });
    return readEach(rows, (row) => readingFrom(row).grant).grants;
  },

  reseal(connection: Connection, id: string, given: Reseal): boolean {
    return connection.transaction(() => {
      const grant = sqliteSteps.read(connection, id)?.grant;
      if (grant?.version !== given.expectedVersion || grant.sealedTokenSet !== given.expectedSealedTokenSet) {
        return false;
      }
      const { sealedTokenSet, keyId } = given;
      const candidates = JSON.stringify(resealed(grant.candidates, given.candidates));
      return connection.changes(RESEAL, { id, sealedTokenSet, keyId, candidates }) === 1;
    });
  },

  scan(connection: Connection, cursor: string | null, limit: number): GrantPage {
    const rows = connection.rows(SCAN, { cursor: cursor ?? "", limit: whole(limit) });
    const last = rows.at(-1);
    const next = rows.length < limit || last === undefined ? null : idOf(last);
    return { ...readEach(rows, (row) => readingFrom(row).grant), next };
  },

  wipe(connection: Connection, id: string): void {
    connection.changes(WIPE, { id });
  },

  slide(connection: Connection, id: string, slidingEndMs: number): void {
    connection.changes(SLIDE, { id, slidingEndMs: whole(slidingEndMs) });
  },

  purge(connection: Connection, limit: number): number {
    return limit > 0 ? connection.changes(PURGE, { limit: whole(limit) }) : 0;
  },
};

function keepCandidates(connection: Connection, id: string, candidates: readonly Candidate[]): void {
  connection.changes(KEEP_CANDIDATES, { id, candidates: JSON.stringify(candidates) });
}
