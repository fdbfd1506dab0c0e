/**
 * What the live page is told, and in which units: every moment is epoch milliseconds by the server's clock.
 *
 * @module
 */

/** Why a token was asked for: it was inside its lead time, had run out, or the API refused it too early. */
export type AskReason = "due" | "expired" | "early";

interface Base {
  /** Grows by one with each event of the grant, from 1 in each {@link LiveMessage.series}. */
  readonly seq: number;
  readonly atMs: number;
}

/** One thing that happened to the signed-in user's grant. */
export type LiveEvent =
  | (Base & { readonly kind: "signed_in"; readonly provider: string })
  /** A token that was not made by a refresh in this process was seen for the first time. */
  | (Base & { readonly kind: "seen"; readonly issuedAtMs: number; readonly expiresAtMs: number })
  | (Base & { readonly kind: "asked"; readonly door: string; readonly reason?: AskReason })
  | (Base & {
      readonly kind: "renewed";
      readonly door: string;
      readonly tookMs: number;
      readonly expiresAtMs: number;
    })
  | (Base & {
      readonly kind: "failed";
      readonly door: string;
      readonly tookMs: number;
      readonly outcome: string;
      readonly code: string;
    })
  | (Base & { readonly kind: "adopted"; readonly door: string })
  | (Base & { readonly kind: "ended"; readonly reason: string });

/** API calls of one stretch of {@link BUCKET_MS}. */
export interface CallBucket {
  readonly startMs: number;
  readonly answered: number;
  readonly refused: number;
}

/** Totals since the sign-in (or since the app started, if that was later). */
export interface LiveCounters {
  readonly answered: number;
  readonly refused: number;
  readonly refreshes: number;
  /** Tokens that ran out and had a successor. */
  readonly lifetimes: number;
}

/** One message of the stream: the first holds everything kept, each later one what is new since. */
export interface LiveMessage {
  /** Whose numbers the events have: another one after a restart of the app, which counts anew. */
  readonly series: string;
  readonly nowMs: number;
  readonly counters: LiveCounters;
  readonly events: readonly LiveEvent[];
  /** A bucket that was sent before may come again with higher numbers. */
  readonly buckets: readonly CallBucket[];
}

/** Length of a {@link CallBucket}, in milliseconds. */
export const BUCKET_MS = 5_000;

/** How far back the live page looks, in milliseconds. */
export const HISTORY_MS = 3_600_000;
