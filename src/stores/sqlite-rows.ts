/**
 * From a row of SQLite to a grant.
 *
 * @module
 */
import { StoreFailedError } from "../core/errors.ts";
import type { GrantReading } from "../core/grant-store.ts";
import {
  GRANT_FORMAT,
  type Backoff,
  type Candidate,
  type EndReason,
  type GrantRecord,
  type Intent,
  type Lease,
} from "../core/grant.ts";
import type { Row } from "./sqlite-connection.ts";

/** The columns of the table `grants`, with the database's clock beside them. */
interface GrantRow extends Row {
  readonly id: string;
  readonly format: number;
  readonly version: number;
  readonly session_ref: string;
  readonly subject_ref: string | null;
  readonly sid_ref: string | null;
  readonly provider: string;
  readonly issuer: string;
  readonly client_id: string;
  readonly sealed_token_set: string;
  readonly key_id: string;
  readonly access_token_issued_at_ms: number;
  readonly access_token_expires_at_ms: number | null;
  readonly refresh_token_expires_at_ms: number | null;
  readonly refreshable: number;
  readonly created_at_ms: number;
  readonly absolute_end_ms: number;
  readonly sliding_end_ms: number;
  readonly state: "live" | "ended";
  readonly end_reason: EndReason | null;
  readonly ended_at_ms: number | null;
  readonly fence: number;
  readonly lease_holder: string | null;
  readonly lease_until_ms: number;
  readonly intent_attempt_id: string | null;
  readonly intent_holder: string;
  readonly intent_parent_version: number;
  readonly intent_fence: number;
  readonly intent_started_at_ms: number;
  readonly intent_deadline_at_ms: number;
  readonly intent_outcome: Intent["outcome"];
  readonly backoff_failures: number | null;
  readonly backoff_until_ms: number;
  readonly backoff_code: string;
  readonly candidates: string;
  readonly now_ms: number;
}

/**
 * Reads a row that was selected with `now_ms`.
 *
 * @throws {@link StoreFailedError} for a row of a newer format.
 */
export function readingFrom(row: Row): GrantReading {
  const stored = row as GrantRow;
  if (stored.format > GRANT_FORMAT) {
    throw new StoreFailedError(`A grant has format ${stored.format}; this release knows ${GRANT_FORMAT}`);
  }
  return { grant: recordFrom(stored), storeNowMs: stored.now_ms };
}

/** The id of a row, also of one that cannot be read otherwise. */
export function idOf(row: Row): string {
  return (row as GrantRow).id;
}

function recordFrom(row: GrantRow): GrantRecord {
  return {
    id: row.id,
    format: row.format,
    version: row.version,
    sessionRef: row.session_ref,
    subjectRef: row.subject_ref,
    sidRef: row.sid_ref,
    provider: row.provider,
    issuer: row.issuer,
    clientId: row.client_id,
    sealedTokenSet: row.sealed_token_set,
    keyId: row.key_id,
    accessTokenIssuedAtMs: row.access_token_issued_at_ms,
    accessTokenExpiresAtMs: row.access_token_expires_at_ms,
    refreshTokenExpiresAtMs: row.refresh_token_expires_at_ms,
    refreshable: row.refreshable === 1,
    createdAtMs: row.created_at_ms,
    absoluteEndMs: row.absolute_end_ms,
    slidingEndMs: row.sliding_end_ms,
    state: row.state,
    endReason: row.end_reason,
    endedAtMs: row.ended_at_ms,
    fence: row.fence,
    lease: leaseFrom(row),
    intent: intentFrom(row),
    backoff: backoffFrom(row),
    candidates: candidatesFrom(row),
  };
}

function leaseFrom({ lease_holder: holder, fence, lease_until_ms: untilMs }: GrantRow): Lease | null {
  return holder === null ? null : { holder, fence, untilMs };
}

function intentFrom(row: GrantRow): Intent | null {
  if (row.intent_attempt_id === null) return null;
  return {
    attemptId: row.intent_attempt_id,
    holder: row.intent_holder,
    parentVersion: row.intent_parent_version,
    fence: row.intent_fence,
    startedAtMs: row.intent_started_at_ms,
    deadlineAtMs: row.intent_deadline_at_ms,
    outcome: row.intent_outcome,
  };
}

function backoffFrom(row: GrantRow): Backoff | null {
  if (row.backoff_failures === null) return null;
  return { failures: row.backoff_failures, untilMs: row.backoff_until_ms, code: row.backoff_code };
}

function candidatesFrom(row: GrantRow): readonly Candidate[] {
  const candidates: unknown = JSON.parse(row.candidates);
  if (!Array.isArray(candidates)) throw new StoreFailedError("A stored grant cannot be read");
  return candidates as readonly Candidate[];
}
