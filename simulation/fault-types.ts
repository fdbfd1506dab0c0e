/**
 * What a fault is: a number from the list of faults, a moment, a victim, and an effect on the simulated world.
 *
 * @module
 */

/** The faults of the list that concern servers, stores, clocks and authorization servers. */
export type FaultId = `X${number}`;

/** Where a message or a process can be hit. `call`: before it leaves; `answer`: before the sender sees the answer. */
export type Phase = "call" | "arrive" | "applied" | "answer";

/** The operations between a process and the outside, as the ports name them. */
export type Operation =
  | "insert"
  | "read"
  | "acquireLease"
  | "renewLease"
  | "releaseLease"
  | "commit"
  | "addCandidate"
  | "removeCandidate"
  | "end"
  | "endMatching"
  | "findMatching"
  | "wipe"
  | "slide"
  | "purge"
  | "scan"
  | "reseal"
  | "close"
  | "refresh"
  | "revoke";

/** A point of the protocol. */
export type Point = `${Operation}/${Phase}`;

/** How the sender learns that its message or the answer got lost. */
export type Loss = "reset" | "hang";

/** What the authorization server, or the way to it, does wrong with one request. */
export type AsFault =
  | "5xx_before"
  | "5xx_after"
  | "429"
  | "429_retry_after"
  | "429_skewed_date"
  | "hang_before"
  | "hang_after"
  | "reset_after"
  | "truncated"
  | "error_consumes"
  | "invalid_client"
  | "wrong_subject"
  | "html_before"
  | "html_after"
  | "huge_body"
  | "redirect"
  | "dpop_nonce"
  | "metadata"
  | "revoked_first";

/** What is odd about a token response that is good all the same. */
export type Oddity = "no_refresh_token" | "same_refresh_token" | "no_expiry" | "zero_expiry" | "huge_expiry";

/** How an authorization server rotates (classes P0-P7). */
export type AsClass = "P0" | "P1" | "P2" | "P3" | "P4" | "P5" | "P6" | "P7";

/** What happens at a {@link Point}. */
export type HookAction =
  | { readonly do: "crash"; readonly restartMs: number }
  /** The sender dies in the middle of its message, which never becomes one. */
  | { readonly do: "crash_sending"; readonly restartMs: number }
  | { readonly do: "pause"; readonly ms: number }
  | { readonly do: "lose"; readonly seen: Loss }
  | { readonly do: "delay"; readonly ms: number }
  /** The sender stands still, and its message takes a while of its own. */
  | { readonly do: "pause_and_delay"; readonly pauseMs: number; readonly delayMs: number }
  | { readonly do: "duplicate"; readonly ms: number }
  | { readonly do: "answer"; readonly answer: AsFault };

/** How a link is cut, and how its user learns of it. */
export interface LinkCut {
  readonly mode: "both" | "requests" | "answers";
  readonly seen: Loss | "refused";
}

/** What a fault does. Conditions last for the fault's duration; everything else happens once. */
export type Effect =
  | { readonly type: "hook"; readonly point: Point; readonly skip: number; readonly action: HookAction }
  | (LinkCut & { readonly type: "store_link" })
  | (LinkCut & { readonly type: "as_link" })
  | { readonly type: "store_slow"; readonly upToMs: number }
  | { readonly type: "as_slow"; readonly upToMs: number }
  | { readonly type: "store_busy"; readonly share: number }
  | { readonly type: "pool_exhausted" }
  | { readonly type: "stale_reads"; readonly lagMs: number }
  | { readonly type: "damaged_reads"; readonly how: "changed" | "truncated" | "swapped" }
  | { readonly type: "unrelated_writes"; readonly everyMs: number }
  | { readonly type: "flush_leases" | "evict_row" | "as_revoke" | "deploy" }
  | { readonly type: "failover"; readonly lostMs: number }
  | { readonly type: "store_clock" | "wall_clock"; readonly jumpMs: number }
  | {
      readonly type: "timers";
      readonly lateByMs: number;
      readonly earlyByMs: number;
      readonly neverShare: number;
    }
  | { readonly type: "pause" }
  | { readonly type: "crash"; readonly restartMs: number }
  | { readonly type: "sigterm"; readonly graceMs: number }
  | { readonly type: "as_answers"; readonly answer: AsFault; readonly share: number }
  | { readonly type: "as_rotation"; readonly asClass: AsClass; readonly graceMs: number }
  | { readonly type: "as_odd"; readonly odd: Oddity; readonly share: number }
  | { readonly type: "drift"; readonly partsPerMillion: number }
  | { readonly type: "burst"; readonly callers: number }
  | { readonly type: "sign_out_race"; readonly signInAgain: boolean }
  | { readonly type: "key_sweep"; readonly removesOld: boolean };

/** One planned fault. */
export interface Fault {
  readonly id: FaultId;
  /** When it begins, or is armed, in milliseconds from the start of the run. */
  readonly atMs: number;
  readonly durationMs: number;
  /** Which server it hits; `null`: whichever comes first, or all of them. */
  readonly server: number | null;
  /** Which grant it hits; `null`: whichever comes first, or all of them. */
  readonly grant: number | null;
  readonly effect: Effect;
}
