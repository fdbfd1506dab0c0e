/**
 * The port through which the engine asks an authorization server for new tokens. The adapter classifies every
 * answer; the engine decides what the class means (table in docs/outcomes.md).
 *
 * @module
 */
import type { TokenSet } from "./token-set.ts";
import type { TokenTarget } from "./token-target.ts";

/** What a refresh or a revocation is about. */
export interface RefreshRequest {
  /** NextAuth's provider id. */
  readonly provider: string;
  /** The issuer and client that the grant was made at: it is never sent anywhere else (SEC-35). */
  readonly issuer: string;
  readonly clientId: string;
  /** The token set to renew. It has a refresh token. */
  readonly tokenSet: TokenSet;
  readonly attemptId: string;
  /** What the new access token is to be for. Absent: what the sign-in asked for. */
  readonly target?: TokenTarget;
  /**
   * Aborted at the attempt's deadline: what has not been sent by then must not be sent any more, because somebody else
   * may send the same refresh token from then on. Absent: `signal` says so.
   */
  readonly sendBy?: AbortSignal;
  /**
   * Aborted when even a late answer is of no use any more, a minute after the attempt's deadline, and by nothing else:
   * no caller can cancel a refresh (M6), and an answer that comes after the deadline is kept (I4).
   */
  readonly signal: AbortSignal;
}

/**
 * How an attempt ended. Every attempt ends in exactly one class.
 *
 * - `committed`: new tokens.
 * - `committed_bad`: the server answered 200 with something that must not be stored; the refresh token may be spent.
 * - `rejected`: `invalid_grant`; the refresh token is dead.
 * - `config`: client or request is refused; the grant is not touched by it.
 * - `not_committed`: refused for now (429); the refresh token is as good as before.
 * - `not_sent`: nothing reached the server.
 * - `unknown`: nobody can tell whether the server rotated.
 */
export type RefreshOutcome =
  | { readonly kind: "committed"; readonly tokenSet: TokenSet }
  | {
      readonly kind: "committed_bad" | "rejected" | "config" | "not_committed" | "not_sent" | "unknown";
      /** Short and stable, such as `invalid_grant`, `http_503`, `timeout`, `subject_mismatch`. */
      readonly code: string;
      /** What the server said, capped and without control characters (SEC-86). Never holds a token. */
      readonly detail?: string;
      /**
       * For `unknown`: whether an answer came (a 5xx, an HTML page). Without one the attempt may still win at the server,
       * so its refresh token is left alone for longer.
       */
      readonly answered?: boolean;
      /** The pause that the server asked for, in milliseconds. */
      readonly retryAfterMs?: number;
    };

/** The class of a {@link RefreshOutcome}. */
export type RefreshOutcomeKind = RefreshOutcome["kind"];

/** How a revocation ended: `unsupported` means that there is no endpoint for it. */
export type RevokeOutcome = "revoked" | "unsupported" | "failed";

/** Talks to authorization servers. Neither method rejects. */
export interface Refresher {
  /** Sends one refresh request (RFC 6749 section 6), never more than one that could be committed. */
  refresh(request: RefreshRequest): Promise<RefreshOutcome>;
  /** Revokes the refresh token, then the access token where that is supported (RFC 7009). Best effort. */
  revoke(request: RefreshRequest): Promise<RevokeOutcome>;
}
