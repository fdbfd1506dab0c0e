/**
 * What the engine tells the application about its work. Every event names a grant only by the prefix of a keyed hash.
 *
 * @module
 */
import type { ReauthenticationReason } from "./errors.ts";
import type { EndReason } from "./grant.ts";
import type { RefreshOutcomeKind } from "./refresher.ts";

/** What every event carries. */
interface EventBase {
  /** When, in epoch milliseconds by this server's clock. */
  readonly atMs: number;
  /** Prefix of the grant's keyed hash. */
  readonly grantRef: string;
  /** NextAuth's provider id. */
  readonly provider: string;
}

/** Everything that can happen to a grant. */
export type TokenEvent =
  /** A sign-in stored a grant. `adopted`: it came from the session of a hand-written recipe. */
  | (EventBase & { readonly type: "grant_created"; readonly adopted: boolean; readonly refreshable: boolean })
  /** A refresh request is about to be sent. `door` is who asked first. */
  | (EventBase & {
      readonly type: "refresh_started";
      readonly attemptId: string;
      readonly door: string;
      readonly version: number;
    })
  /** A refresh ended. */
  | (EventBase & {
      readonly type: "refresh_ended";
      readonly attemptId: string;
      readonly outcome: RefreshOutcomeKind;
      /** `ok` or the outcome's code. */
      readonly code: string;
      readonly door: string;
      /** How long the request took, in milliseconds. */
      readonly tookMs: number;
      /** The version that is stored afterwards, once the store has taken it (`tokens_stored`). */
      readonly version: number;
      /** Expiry of the new access token, in epoch milliseconds, where there is one. */
      readonly expiresAtMs?: number;
    })
  /** Another process had refreshed; its result was taken over. */
  | (EventBase & { readonly type: "refresh_adopted"; readonly version: number; readonly door: string })
  /** A fresh token set lost the commit and was kept. */
  | (EventBase & { readonly type: "candidate_kept"; readonly attemptId: string })
  /** A kept token set brought new tokens after the current one was refused: the grant lives because of it (S5). */
  | (EventBase & { readonly type: "candidate_used"; readonly attemptId: string })
  /** An answer came after its deadline, and was committed or kept all the same (I4). */
  | (EventBase & { readonly type: "late_answer"; readonly attemptId: string })
  | (EventBase & { readonly type: "lease_lost"; readonly attemptId: string })
  /** Under the lease a refresh of the same version was found that never told its outcome: a crash or a lost answer (S2). */
  | (EventBase & {
      readonly type: "lease_taken_over";
      readonly attemptId: string;
      readonly found: "pending" | "unknown" | "answered";
    })
  /** Nothing was sent, because of a pause or of an earlier refresh of unknown outcome (S6). */
  | (EventBase & {
      readonly type: "refresh_deferred";
      readonly attemptId: string;
      readonly code: string;
      readonly retryInMs: number;
    })
  /** New tokens are durable. `tookMs`: from the answer on, in milliseconds: the exposed window of a crash. */
  | (EventBase & {
      readonly type: "tokens_stored";
      readonly attemptId: string;
      readonly version: number;
      readonly tookMs: number;
    })
  /** The store does not take new tokens: they are served from memory until it does (degraded mode, I5). */
  | (EventBase & { readonly type: "tokens_pending"; readonly attemptId: string; readonly version: number })
  /** On shutdown: a request was still out, and its intent was marked so that others need not wait for the lease. */
  | (EventBase & { readonly type: "handed_over"; readonly attemptId: string })
  /** The token endpoint answered with tokens of somebody else; nothing was stored (SEC-43). */
  | (EventBase & { readonly type: "subject_mismatch"; readonly attemptId: string })
  /** A sealed value did not open (SEC-60). */
  | (EventBase & { readonly type: "unseal_failed" })
  | (EventBase & { readonly type: "store_failed"; readonly operation: string })
  /** The last access token was served while the store was away. */
  | (EventBase & { readonly type: "served_stale" })
  | (EventBase & { readonly type: "grant_ended"; readonly reason: EndReason })
  /** A caller was told that only a new sign-in helps: once per grant and reason in one process. `provider` is empty where it is not known. */
  | (EventBase & { readonly type: "reauthentication_required"; readonly reason: ReauthenticationReason })
  | (EventBase & {
      readonly type: "revocation_ended";
      readonly outcome: "revoked" | "unsupported" | "failed";
    })
  /**
   * An authorization server asked for a back-channel logout. `accepted`: grants that matched were ended, each with an event
   * of its own. `refused`: the logout token did not hold. `failed`: it could not be told or done; the server should try again.
   */
  | (EventBase & {
      readonly type: "back_channel_logout";
      readonly outcome: "accepted" | "refused" | "failed";
      /** `ok`, or why not. */
      readonly code: string;
    })
  /** A sign-out was to go on at the authorization server (RP-initiated logout). `skipped`: it ended in the app. */
  | (EventBase & {
      readonly type: "rp_initiated_logout";
      readonly outcome: "redirected" | "skipped";
      /** `ok`, `no_hint` where there was no ID token that could go along, or why it was skipped. */
      readonly code: string;
    });

/** The names of all events. */
export type TokenEventType = TokenEvent["type"];

/** Receives events. What it throws is swallowed. */
export type TokenEventListener = (event: TokenEvent) => void;

/** A listener that never throws: it is the application's code, and what it throws must not reach a refresh. */
export function safeListener(listener: TokenEventListener | undefined): TokenEventListener {
  return (event) => {
    try {
      listener?.(event);
    } catch {
      return;
    }
  };
}
