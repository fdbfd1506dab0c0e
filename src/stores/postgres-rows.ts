/**
 * From a row of PostgreSQL to a grant. Clients differ in how they give a `bigint`: as text (`pg`), as a number, as a
 * `BigInt`. All of them are milliseconds or counters, far below 2^53.
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

/** The columns of an intent, in one order everywhere. */
export const INTENT_COLUMNS = [
  "intent_attempt_id",
  "intent_holder",
  "intent_parent_version",
  "intent_fence",
  "intent_started_at_ms",
  "intent_deadline_at_ms",
  "intent_outcome",
] as const;

/** Every column that this release reads. Named one by one, so that a later one does not disturb. */
export const COLUMNS: readonly string[] = [
  ...["id", "format", "version", "session_ref", "subject_ref", "sid_ref", "provider", "issuer", "client_id"],
  ...["sealed_token_set", "key_id", "access_token_issued_at_ms", "access_token_expires_at_ms"],
  ...["refresh_token_expires_at_ms", "refreshable", "created_at_ms", "absolute_end_ms", "sliding_end_ms"],
  ...["state", "end_reason", "ended_at_ms", "fence", "lease_holder", "lease_until_ms"],
  ...INTENT_COLUMNS,
  ...["backoff_failures", "backoff_until_ms", "backoff_code", "candidates"],
];

type Whole = string | number | bigint;

/** One row as a client gives it. */
export interface PostgresRow {
  readonly id: string;
  readonly format: Whole;
  readonly version: Whole;
  readonly session_ref: string;
  readonly subject_ref: string | null;
  readonly sid_ref: string | null;
  readonly provider: string;
  readonly issuer: string;
  readonly client_id: string;
  readonly sealed_token_set: string;
  readonly key_id: string;
  readonly access_token_issued_at_ms: Whole;
  readonly access_token_expires_at_ms: Whole | null;
  readonly refresh_token_expires_at_ms: Whole | null;
  readonly refreshable: boolean;
  readonly created_at_ms: Whole;
  readonly absolute_end_ms: Whole;
  readonly sliding_end_ms: Whole;
  readonly state: "live" | "ended";
  readonly end_reason: EndReason | null;
  readonly ended_at_ms: Whole | null;
  readonly fence: Whole;
  readonly lease_holder: string | null;
  readonly lease_until_ms: Whole | null;
  readonly intent_attempt_id: string | null;
  readonly intent_holder: string;
  readonly intent_parent_version: Whole;
  readonly intent_fence: Whole;
  readonly intent_started_at_ms: Whole;
  readonly intent_deadline_at_ms: Whole;
  readonly intent_outcome: Intent["outcome"];
  readonly backoff_failures: Whole | null;
  readonly backoff_until_ms: Whole | null;
  readonly backoff_code: string;
  /** `jsonb`: parsed by the client, or its text. */
  readonly candidates: readonly Candidate[] | string;
  /** The database's clock. */
  readonly now_ms: Whole;
}

/**
 * Reads a row that was selected with `now_ms`.
 *
 * @throws {@link StoreFailedError} for a row of a newer format.
 */
export function readingFrom(row: PostgresRow): GrantReading {
  if (Number(row.format) > GRANT_FORMAT) {
    throw new StoreFailedError(
      `A grant has format ${Number(row.format)}; this release knows ${GRANT_FORMAT}`,
    );
  }
  return { grant: recordFrom(row), storeNowMs: Number(row.now_ms) };
}

function recordFrom(row: PostgresRow): GrantRecord {
  return {
    id: row.id,
    format: Number(row.format),
    version: Number(row.version),
    sessionRef: row.session_ref,
    subjectRef: row.subject_ref,
    sidRef: row.sid_ref,
    provider: row.provider,
    issuer: row.issuer,
    clientId: row.client_id,
    sealedTokenSet: row.sealed_token_set,
    keyId: row.key_id,
    accessTokenIssuedAtMs: Number(row.access_token_issued_at_ms),
    accessTokenExpiresAtMs: numberOrNull(row.access_token_expires_at_ms),
    refreshTokenExpiresAtMs: numberOrNull(row.refresh_token_expires_at_ms),
    refreshable: row.refreshable,
    createdAtMs: Number(row.created_at_ms),
    absoluteEndMs: Number(row.absolute_end_ms),
    slidingEndMs: Number(row.sliding_end_ms),
    state: row.state,
    endReason: row.end_reason,
    endedAtMs: numberOrNull(row.ended_at_ms),
    fence: Number(row.fence),
    lease: leaseFrom(row),
    intent: intentFrom(row),
    backoff: backoffFrom(row),
    candidates: candidatesFrom(row),
  };
}

function leaseFrom(row: PostgresRow): Lease | null {
  if (row.lease_holder === null) return null;
  return { holder: row.lease_holder, fence: Number(row.fence), untilMs: Number(row.lease_until_ms) };
}

/** The intent in the columns of {@link INTENT_COLUMNS}. */
export function intentFrom(row: Pick<PostgresRow, (typeof INTENT_COLUMNS)[number]>): Intent | null {
  if (row.intent_attempt_id === null) return null;
  return {
    attemptId: row.intent_attempt_id,
    holder: row.intent_holder,
    parentVersion: Number(row.intent_parent_version),
    fence: Number(row.intent_fence),
    startedAtMs: Number(row.intent_started_at_ms),
    deadlineAtMs: Number(row.intent_deadline_at_ms),
    outcome: row.intent_outcome,
  };
}

function backoffFrom(row: PostgresRow): Backoff | null {
  if (row.backoff_failures === null) return null;
  return {
    failures: Number(row.backoff_failures),
    untilMs: Number(row.backoff_until_ms),
    code: row.backoff_code,
  };
}

function candidatesFrom({ candidates }: PostgresRow): readonly Candidate[] {
  const parsed: unknown = typeof candidates === "string" ? JSON.parse(candidates) : candidates;
  if (!Array.isArray(parsed)) throw new StoreFailedError("A stored grant cannot be read");
  return parsed as readonly Candidate[];
}

function numberOrNull(value: Whole | null): number | null {
  return value === null ? null : Number(value);
}
