/**
 * The stored record of one grant: what one user allowed at one provider. This is the row that every store keeps;
 * its shape is final from the first release on.
 *
 * Only {@link GrantRecord.sealedTokenSet} and the candidates hold tokens, and they are sealed before a store sees
 * them. Everything that names a person or a session is a keyed hash.
 *
 * @module
 */

/** The number of the record's format. A store refuses rows of a newer format than it knows. */
export const GRANT_FORMAT = 1;

/** How many losing refresh tokens a grant keeps at most (S5). */
export const MAX_CANDIDATES = 3;

/** Why a grant ended. The first reason stays; a later one does not replace it. */
export type EndReason =
  /** The user signed out. */
  | "signed_out"
  /** A new sign-in in the same browser took its place, or it is itself one that came to nothing beside a session. */
  | "replaced"
  /** The authorization server refused the refresh token for good (`invalid_grant`). */
  | "rejected"
  /** As `rejected`, and an earlier refresh of this grant had an unknown outcome: its answer was lost. */
  | "lost_response"
  /** The sliding or absolute end of the session was reached. */
  | "expired"
  /** The application ended it (an administrator, "sign out everywhere", back-channel logout). */
  | "revoked";

/** The note, written together with the lease, that a refresh is about to be sent (write-ahead record, S2). */
export interface Intent {
  /** Names the attempt in events and logs. */
  readonly attemptId: string;
  readonly holder: string;
  /** The version whose refresh token the attempt spends. */
  readonly parentVersion: number;
  readonly fence: number;
  /**
   * When it was written, in epoch milliseconds by the store's clock; where it replaces one of the same parent version,
   * when that one was: the first use of a refresh token opens the server's window for a second.
   */
  readonly startedAtMs: number;
  /** Until when its answer may still arrive, in epoch milliseconds by the store's clock. */
  readonly deadlineAtMs: number;
  /**
   * `pending` until the attempt ends. Afterwards, where nobody can tell whether the server rotated (I12):
   * `unknown` if no answer came, so that one may still be under way, `answered` if one came that does not say.
   */
  readonly outcome: "pending" | "unknown" | "answered";
}

/** A pause that the last failed refresh imposed on all processes. */
export interface Backoff {
  /** Failures in a row, 1 or more. */
  readonly failures: number;
  /** No refresh before this moment, in epoch milliseconds by the store's clock. */
  readonly untilMs: number;
  /** What failed: a short stable code such as `http_503`. */
  readonly code: string;
}

/**
 * A token set that is sealed beside the current one, and tried before the grant is called dead: a fresh one that lost the
 * commit (S5, I4), or, where the last one wins, the spent one that two requests had used (`spent-parent.ts`).
 */
export interface Candidate {
  readonly attemptId: string;
  readonly sealedTokenSet: string;
  readonly keyId: string;
  /** The version that its slot is sealed for. */
  readonly version: number;
  /** When it was kept, in epoch milliseconds by the store's clock. */
  readonly keptAtMs: number;
}

/** The time-limited right to refresh one grant, judged by the store's clock only. */
export interface Lease {
  readonly holder: string;
  /** Grows with each lease of the grant; a smaller one is stale. */
  readonly fence: number;
  /** End of the lease, in epoch milliseconds by the store's clock. */
  readonly untilMs: number;
}

/** The part of a record that a refresh replaces. */
export interface SealedTokens {
  /** Sealed JSON of a `TokenSet`. The empty string once an ended grant has been wiped. */
  readonly sealedTokenSet: string;
  /** The key that sealed it. */
  readonly keyId: string;
  /** When the access token was asked for, in epoch milliseconds by the clock of the server that asked. */
  readonly accessTokenIssuedAtMs: number;
  /** `null`: the access token has no known end. */
  readonly accessTokenExpiresAtMs: number | null;
  /** `null`: not told by the authorization server. */
  readonly refreshTokenExpiresAtMs: number | null;
  /** False: the authorization server gave no refresh token, so the grant ends with its access token. */
  readonly refreshable: boolean;
}

/** What is known when a grant is first stored. */
export interface NewGrant extends SealedTokens {
  /** Keyed hash of handle and provider, behind the id of the key and a dot. See {@link grantRefOf} for logs. */
  readonly id: string;
  /** Keyed hash of the handle: names all grants of one session. In a database session the added ones have `.added` behind it. */
  readonly sessionRef: string;
  /** Keyed hash of issuer and subject, `null` where there is no subject. */
  readonly subjectRef: string | null;
  /** Keyed hash of issuer and `sid`, `null` where the ID token has none. */
  readonly sidRef: string | null;
  /** NextAuth's provider id. */
  readonly provider: string;
  readonly issuer: string;
  readonly clientId: string;
  /** The end that nothing extends, in epoch milliseconds. */
  readonly absoluteEndMs: number;
  /** The end that use extends, in epoch milliseconds; never later than the absolute one. */
  readonly slidingEndMs: number;
}

/** A grant as a store returns it. */
export interface GrantRecord extends NewGrant {
  readonly format: number;
  /** 1 at sign-in, one more with each committed token set. */
  readonly version: number;
  /** When the row was made, in epoch milliseconds by the store's clock. */
  readonly createdAtMs: number;
  /** `ended` is a tombstone: no later write makes the grant usable again (I7). */
  readonly state: "live" | "ended";
  readonly endReason: EndReason | null;
  readonly endedAtMs: number | null;
  /** The fence of the newest lease, 0 before the first. It never shrinks. */
  readonly fence: number;
  /** The newest lease, expired or not; `null` when it was given back. */
  readonly lease: Lease | null;
  readonly intent: Intent | null;
  readonly backoff: Backoff | null;
  /** At most {@link MAX_CANDIDATES}, newest last. */
  readonly candidates: readonly Candidate[];
}

/** How a grant is named in logs, events and errors: 12 characters of a keyed hash, useless as a handle (SEC-83). */
export function grantRefOf(grantId: string): string {
  return grantId.slice(grantId.indexOf(".") + 1).slice(0, 12);
}
