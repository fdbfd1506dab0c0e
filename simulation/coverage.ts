/**
 * "Sometimes": the states that a set of runs must have reached, or its silence proves nothing (section 9, item 5 of the
 * reliability requirements; the ones of servers).
 *
 * @module
 */
import type { Checker, Probe } from "./checker.ts";
import type { SimRecord, StoreRecord } from "./history.ts";
import { candidateTokens } from "./checkers/stored-tokens.ts";

/** What has to be seen, and in words. */
export const SOMETIMES = {
  pausedHolderAndHeirBothSucceed: "lease expired while its holder stood still, and both later succeeded",
  fencedWriteRejected: "a write with an old fence or version was rejected",
  candidateSaved: "a kept candidate saved the grant",
  retryInWindow: "an unknown outcome was resolved by a retry in the window",
  deferredResend: "a resend was deferred (S6), and later sent",
  adoptedAfterRefusal: "invalid_grant, and then another process's newer tokens were adopted",
  lateAnswerRevoked: "an answer came after the sign-out, and was revoked",
  ambiguousApplied: "a write failed for its writer, and was applied",
  ambiguousLost: "a write failed for its writer, and was not applied",
  degradedThenFlushed: "tokens were served from memory while the store was away, and then stored",
  familyRevoked: "a second use ended a whole family (P6)",
} as const;

/** The name of a state to be seen. */
export type Sometimes = keyof typeof SOMETIMES;

/** How often each was seen. */
export type Coverage = Readonly<Record<Sometimes, number>>;

/** Nothing seen yet. */
export function noCoverage(): Record<Sometimes, number> {
  return Object.fromEntries(Object.keys(SOMETIMES).map((name) => [name, 0])) as Record<Sometimes, number>;
}

/** Looks for the states as records come in. It never complains. */
export class CoverageWatch implements Checker {
  readonly name = "coverage";
  readonly seen = noCoverage();
  readonly #probe: Probe;
  readonly #commits = new Map<string, { readonly process: string; readonly atMs: number }>();
  readonly #pausedHolders = new Set<string>();
  readonly #leaseUntilMs = new Map<string, number>();
  readonly #firstSend = new Map<string, { readonly attemptId: string; readonly atMs: number }>();
  readonly #silent = new Set<string>();
  readonly #refused = new Set<string>();
  readonly #candidates = new Set<string>();
  readonly #pending = new Set<string>();
  readonly #ended = new Set<string>();
  readonly #lateAnswers = new Set<string>();

  constructor(probe: Probe) {
    this.#probe = probe;
  }

  see(record: SimRecord): undefined {
    if (record.kind === "store") this.#seeStore(record);
    if (record.kind === "judged" && record.verdict === "alarm") this.seen.familyRevoked++;
    if (record.kind === "answer") this.#seeAnswer(record);
    if (record.kind === "send") this.#seeSend(record);
    if (record.kind === "revoke" && this.#lateAnswers.delete(record.refreshToken))
      this.seen.lateAnswerRevoked++;
    if (record.kind === "event") this.#seeEvent(record);
    return undefined;
  }

  #seeStore(record: StoreRecord): void {
    const { grant, before, after, operation, answer, process, atMs } = record;
    if (before?.state !== "ended" && after?.state === "ended") this.#ended.add(grant);
    if ((operation === "renewLease" || operation === "releaseLease") && answer === "false")
      this.seen.fencedWriteRejected++;
    if (operation === "commit" && answer === "conflict") this.seen.fencedWriteRejected++;
    if (after?.lease != null) this.#leaseUntilMs.set(`${grant}|${after.lease.holder}`, after.lease.untilMs);
    if (after !== undefined)
      for (const token of candidateTokens(this.#probe, after)) this.#candidates.add(token);
    if (operation === "commit" && answer === "committed") {
      this.#commits.set(grant, { process, atMs });
      if (this.#pausedHolders.delete(`${grant}|${process}`)) this.seen.pausedHolderAndHeirBothSucceed++;
    }
    if (operation === "addCandidate" && answer === "true") {
      // Somebody else committed while this process's lease ran out under it.
      const other = this.#commits.get(grant);
      const untilMs = this.#leaseUntilMs.get(`${grant}|${process}`) ?? Infinity;
      if (other !== undefined && other.process !== process && untilMs < record.storeNowMs)
        this.seen.pausedHolderAndHeirBothSucceed++;
    }
  }

  /** A resend that the server's window does not cover: I12 holds that it was deferred for long enough. */
  #seeSend({ grant, refreshToken, attemptId, policy, atMs }: Extract<SimRecord, { kind: "send" }>): void {
    const key = `${grant}|${refreshToken}`;
    const first = this.#firstSend.get(key);
    if (first === undefined) this.#firstSend.set(key, { attemptId, atMs });
    else if (this.#silent.has(key) && first.attemptId !== attemptId) {
      const inWindow = policy.class !== "strict" && atMs - first.atMs <= policy.graceMs;
      const always = policy.class === "none" || policy.class === "overlapping";
      if (!inWindow && !always) this.seen.deferredResend++;
    }
  }

  #seeAnswer(record: Extract<SimRecord, { kind: "answer" }>): void {
    const { grant, process, sent, outcome } = record;
    const key = `${grant}|${sent}`;
    if (outcome === "unknown" && record.answered !== true) this.#silent.add(key);
    if (outcome === "rejected") this.#refused.add(`${process}|${grant}`);
    if (outcome !== "committed") return;
    if (this.#silent.delete(key)) this.seen.retryInWindow++;
    if (this.#candidates.has(sent)) this.seen.candidateSaved++;
    if (this.#ended.has(grant) && record.refreshToken !== undefined)
      this.#lateAnswers.add(record.refreshToken);
  }

  #seeEvent({ event, process, grant }: Extract<SimRecord, { kind: "event" }>): void {
    const { type } = event;
    if (type === "refresh_adopted" && this.#refused.delete(`${process}|${grant}`))
      this.seen.adoptedAfterRefusal++;
    if (type === "tokens_pending") this.#pending.add(event.attemptId);
    if (type === "tokens_stored" && this.#pending.delete(event.attemptId)) this.seen.degradedThenFlushed++;
  }
}
