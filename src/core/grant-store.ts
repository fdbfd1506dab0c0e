/**
 * The port behind which grants live. Each method is one atomic step of the backend, because a check followed by
 * a write is a race (SEC-68). The contract is executable: `grantStoreContract` in `nolapse/testing`.
 *
 * A method rejects only when the backend fails. "Not there" and "somebody else was first" are answers.
 *
 * @module
 */
import type {
  Backoff,
  Candidate,
  EndReason,
  GrantRecord,
  Intent,
  Lease,
  NewGrant,
  SealedTokens,
} from "./grant.ts";

/** A record together with the store's clock at the moment it was read. */
export interface GrantReading {
  readonly grant: GrantRecord;
  /** The store's clock, in epoch milliseconds. Leases, intents and backoffs are judged by it alone. */
  readonly storeNowMs: number;
}

/** Who wants a lease, for how long, and what for. */
export interface LeaseRequest {
  readonly holder: string;
  readonly attemptId: string;
  /** How long the lease lasts from now, in milliseconds. */
  readonly durationMs: number;
  /** How long the attempt's answer may take from now, in milliseconds. Becomes the intent's deadline. */
  readonly deadlineMs: number;
}

/** The answer to {@link GrantStore.acquireLease}. */
export type LeaseAnswer =
  /** The lease and the intent are written. `grant` is the row after that write: the re-read under the lease. */
  | (GrantReading & {
      readonly status: "acquired";
      readonly lease: Lease;
      readonly previousIntent: Intent | null;
    })
  /** Another holder's lease is unexpired. */
  | (GrantReading & { readonly status: "held" })
  /** The grant has ended. */
  | (GrantReading & { readonly status: "ended" })
  | { readonly status: "absent" };

/** What a holder leaves behind when it gives the lease back. */
export interface LeaseNote {
  /** `null`: resolved. An intent: it stays unresolved, as `unknown` or as it was found. */
  readonly intent: Intent | null;
  /** `undefined`: leave as it is; `null`: clear; a pause starting now otherwise. */
  readonly backoff?: { readonly failures: number; readonly waitMs: number; readonly code: string } | null;
}

/** A new token set for a grant. */
export interface Commit extends SealedTokens {
  /** Written only if the stored version is exactly this one. The version becomes one more. */
  readonly expectedVersion: number;
  /** The new sliding end, in epoch milliseconds; the store caps it at the absolute end and never moves it back. */
  readonly slidingEndMs: number;
  /** Given back in the same write if it is still this holder's. */
  readonly lease?: Lease;
}

/** The answer to {@link GrantStore.commit}. */
export type CommitAnswer =
  | (GrantReading & { readonly status: "committed" })
  /** The version has moved on. `grant` is the row as it is. */
  | (GrantReading & { readonly status: "conflict" })
  | (GrantReading & { readonly status: "ended" })
  | { readonly status: "absent" };

/** Which grants {@link GrantStore.endMatching} and {@link GrantStore.findMatching} are about: exactly one of the three. */
export type GrantSelector =
  { readonly sessionRef: string } | { readonly subjectRef: string } | { readonly sidRef: string };

/** The same sealed values under another key. */
export interface Reseal {
  readonly expectedVersion: number;
  /** The sealed token set that was opened: written only if it is still the stored one. */
  readonly expectedSealedTokenSet: string;
  readonly sealedTokenSet: string;
  readonly keyId: string;
  /** Candidates that were sealed anew, named by their attempts. One that has gone meanwhile is left out. */
  readonly candidates: readonly Pick<Candidate, "attemptId" | "sealedTokenSet" | "keyId">[];
}

/** The answer to {@link GrantStore.scan}. */
export interface GrantPage {
  readonly grants: readonly GrantRecord[];
  /** How many rows the page has beside them that cannot be read: damaged ones, and those of a newer format (X30). */
  readonly unreadable: number;
  /** Where to go on; `null` after the last page. */
  readonly next: string | null;
}

/** Where grants live. */
export interface GrantStore {
  /** `memory`, `sqlite`, `redis`, `postgres`, or a name of your own. Shown in events and errors. */
  readonly kind: string;

  /** Stores a new grant at version 1. Returns false, and changes nothing, if the id is taken (a tombstone counts). */
  insert(grant: NewGrant): Promise<boolean>;

  /** Reads one grant, ended ones included. */
  read(id: string): Promise<GrantReading | undefined>;

  /**
   * Takes the lease and writes the intent in one write, with a fence one higher, if no unexpired lease of another
   * holder stands and the grant is live. The same holder may take it again. An intent that replaces one of the same
   * parent version keeps its start (if that is not in the future).
   *
   * A lease lasts 5 minutes at most, whatever was asked for. One that would last longer than that from now was taken
   * before the store's clock was set back, and no longer stands (I17).
   */
  acquireLease(id: string, request: LeaseRequest): Promise<LeaseAnswer>;

  /**
   * Makes the lease last `durationMs` milliseconds from now, 5 minutes at most. False if it is no longer this holder's
   * and fence's. An ended grant keeps its lease, which may be renewed and given back.
   */
  renewLease(id: string, lease: Lease, durationMs: number): Promise<boolean>;

  /**
   * Gives the lease back and leaves a note. Returns false, and changes nothing, if holder and fence are not those
   * of the newest lease. An expired lease that nobody took since may still be given back.
   */
  releaseLease(id: string, lease: Lease, note: LeaseNote): Promise<boolean>;

  /**
   * Stores a new token set by compare-and-set on the version alone: a lost lease does not hinder it (TL3). Clears
   * the intent (only if it is of the version that this replaces) and the backoff; keeps the candidates.
   */
  commit(id: string, commit: Commit): Promise<CommitAnswer>;

  /**
   * Keeps a losing token set, one per attempt, dropping the oldest above `MAX_CANDIDATES`. False if the grant is gone
   * or ended.
   */
  addCandidate(id: string, candidate: Omit<Candidate, "keptAtMs">): Promise<boolean>;

  /** Drops the candidate of that attempt. */
  removeCandidate(id: string, attemptId: string): Promise<void>;

  /**
   * Leaves a tombstone. Returns the row as it was before, with its sealed tokens, so that they can be revoked;
   * `undefined` if there is none or it had ended already. With `expectedVersion`, only if that is still the version.
   * The sealed tokens stay in the row until {@link GrantStore.wipe}.
   */
  end(id: string, reason: EndReason, expectedVersion?: number): Promise<GrantRecord | undefined>;

  /**
   * {@link GrantStore.end} for every live grant that matches. Returns the rows as they were before. One that cannot be
   * read ends all the same, and is left out. Where the backend fails on the way, it rejects once all else was tried.
   */
  endMatching(selector: GrantSelector, reason: EndReason): Promise<readonly GrantRecord[]>;

  /**
   * The grants that match, at most `limit` of them: the live ones, newest first, or those that have ended, the latest end
   * first. One that cannot be read is left out. Others may come and go meanwhile.
   *
   * @param state Which of them. Default: the live ones.
   */
  findMatching(
    selector: GrantSelector,
    limit: number,
    state?: GrantRecord["state"],
  ): Promise<readonly GrantRecord[]>;

  /** Erases sealed tokens and candidates of an ended grant. The tombstone stays. */
  wipe(id: string): Promise<void>;

  /**
   * Puts the same sealed values there under another key, and touches nothing else: version, lease, intent and ends
   * stay, so that no refresh notices it. Works on ended grants too. False, and nothing is changed, unless version and
   * sealed token set are the expected ones.
   */
  reseal(id: string, reseal: Reseal): Promise<boolean>;

  /**
   * One page of all grants, ended ones included, in an order of the store's own.
   *
   * A grant that is there from the first page to the last is shown at least once, or counted if it cannot be read.
   *
   * @param cursor `null` for the first page, then {@link GrantPage.next}.
   * @param limit About how many grants a page shows: 1 or more.
   */
  scan(cursor: string | null, limit: number): Promise<GrantPage>;

  /** Moves the sliding end of a live grant, capped at the absolute end. It never moves back. */
  slide(id: string, slidingEndMs: number): Promise<void>;

  /**
   * Deletes rows whose sliding or absolute end has passed by the store's clock, at most `limit` of them.
   * Returns how many went. A tombstone stays until then, so that nothing revives it.
   */
  purge(limit: number): Promise<number>;

  /** Lets go of what the store itself opened. A client that the application handed in stays open. */
  close(): Promise<void>;
}

/** Re-exported so that a store file needs one import. */
export type { Backoff, Candidate, EndReason, GrantRecord, Intent, Lease, NewGrant, SealedTokens };
