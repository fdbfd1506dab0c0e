/**
 * "Sometimes": the states that a set of runs must have reached, or its silence proves nothing (section 9, item 5 of the
 * reliability requirements; the ones of servers).
 *
 * @module
 */
import type { Checker, Probe } from "./checker.ts";
import type { SimRecord, StoreRecord } from "./history.ts";
import { candidateTokens, spentTokens } from "./checkers/stored-tokens.ts";

/** What has to be seen, and in words. */
export const SOMETIMES = {
  pausedHolderAndHeirBothSucceed: "lease expired while its holder stood still, and both later succeeded",
  fencedWriteRejected: "a write with an old fence or version was rejected",
  candidateSaved: "a kept candidate saved the grant",
  spentSaved: "the refresh token that two requests had spent saved the grant (P4)",
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

interface Takeover {
  readonly holder: string;
  /** The fence of the lease that it lost. */
  readonly fence: number;
  holderStored: boolean;
  heirStored: boolean;
}

/** How long after a refusal the process adopts what it finds then, in milliseconds: a few operations of the store. */
const ADOPTION_MS = 7_000;

/** Looks for the states as records come in. It never complains. */
export class CoverageWatch implements Checker {
  readonly name = "coverage";
  readonly seen = noCoverage();
  readonly #probe: Probe;
  readonly #pausedUntilMs = new Map<string, number>();
  /** By grant: who held the lease and stood still when somebody else took it, and who has stored tokens since. */
  readonly #takenOver = new Map<string, Takeover>();
  readonly #firstSend = new Map<string, { readonly attemptId: string; readonly atMs: number }>();
  readonly #silent = new Set<string>();
  /** The requests that the server answered within its window although their refresh token was spent. */
  readonly #again = new Set<string>();
  /** When each process was refused a grant's refresh token last. */
  readonly #refusedAtMs = new Map<string, number>();
  readonly #candidates = new Set<string>();
  readonly #spent = new Set<string>();
  readonly #pending = new Set<string>();
  readonly #ended = new Set<string>();
  readonly #lateAnswers = new Set<string>();

  constructor(probe: Probe) {
    this.#probe = probe;
  }

  see(record: SimRecord): undefined {
    if (record.kind === "store") this.#seeStore(record);
    if (record.kind === "process" && record.what === "pause")
      this.#pausedUntilMs.set(record.process, record.untilMs ?? 0);
    if (record.kind === "judged" && record.verdict === "alarm") this.seen.familyRevoked++;
    if (record.kind === "judged" && record.verdict === "again")
      this.#again.add(`${record.attemptId}|${record.refreshToken}`);
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
    if (after !== undefined) {
      for (const token of candidateTokens(this.#probe, after)) this.#candidates.add(token);
      for (const token of spentTokens(this.#probe, after)) this.#spent.add(token);
    }
    const { holder, fence = 0 } = before?.lease ?? {};
    const takes = operation === "acquireLease" && answer === "acquired" && holder !== process;
    if (takes && holder !== undefined && (this.#pausedUntilMs.get(holder) ?? 0) > atMs)
      this.#takenOver.set(grant, { holder, fence, holderStored: false, heirStored: false });
    if (answer === "committed" || (operation === "addCandidate" && answer === "true"))
      this.#seeStored(record);
  }

  #seeStored({ grant, process, operation, fence }: StoreRecord): void {
    const taken = this.#takenOver.get(grant);
    if (taken === undefined) return;
    if (process !== taken.holder) taken.heirStored = true;
    else if (operation === "addCandidate" || fence === taken.fence) taken.holderStored = true;
    if (!taken.heirStored || !taken.holderStored) return;
    this.#takenOver.delete(grant);
    this.seen.pausedHolderAndHeirBothSucceed++;
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
    const { grant, process, sent, outcome, attemptId, atMs } = record;
    const key = `${grant}|${sent}`;
    if (outcome === "unknown" && record.answered !== true) this.#silent.add(key);
    if (outcome === "rejected") this.#refusedAtMs.set(`${process}|${grant}`, atMs);
    if (outcome !== "committed") return;
    if (this.#silent.delete(key) && this.#again.has(`${attemptId}|${sent}`)) this.seen.retryInWindow++;
    if (this.#candidates.has(sent)) this.seen[this.#spent.has(sent) ? "spentSaved" : "candidateSaved"]++;
    if (this.#ended.has(grant) && record.refreshToken !== undefined)
      this.#lateAnswers.add(record.refreshToken);
  }

  #seeEvent({ event, process, grant, atMs }: Extract<SimRecord, { kind: "event" }>): void {
    const { type } = event;
    const key = `${process}|${grant}`;
    if (type === "refresh_started") this.#refusedAtMs.delete(key);
    if (type === "refresh_adopted") {
      // Only what follows the refusal at once: after a few operations of the store it is another story.
      const sinceMs = atMs - (this.#refusedAtMs.get(key) ?? -Infinity);
      this.#refusedAtMs.delete(key);
      if (sinceMs <= ADOPTION_MS) this.seen.adoptedAfterRefusal++;
    }
    if (type === "tokens_pending") this.#pending.add(event.attemptId);
    if (type === "tokens_stored" && this.#pending.delete(event.attemptId)) this.seen.degradedThenFlushed++;
  }
}
