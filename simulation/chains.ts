/**
 * What the history says about the chain of refresh tokens of each grant: what was issued for what, what reached whom,
 * what became durable when, and what stood in the way.
 *
 * @module
 */
import { Hindrances } from "./hindrances.ts";
import type {
  AnswerRecord,
  JudgedRecord,
  LostRecord,
  SendRecord,
  SimRecord,
  StoreRecord,
} from "./history.ts";
import { StoreClock } from "./store-clock.ts";

/** When something happened, and in which process; `undefined`: in all of them. */
export interface Moment {
  readonly atMs: number;
  readonly process: string | undefined;
}

/** The chain of one grant. */
export class Chain {
  readonly judged: JudgedRecord[] = [];
  readonly sends: SendRecord[] = [];
  /** When an attempt began to send; a process that stands still may never come to it. */
  readonly startsAtMs: number[] = [];
  /** The answers with tokens that reached a process. */
  readonly answers: AnswerRecord[] = [];
  /** The attempts that were told that the server had not looked at the refresh token. */
  readonly refused = new Set<string>();
  /** When each token was first in a row. */
  readonly durableAtMs = new Map<string, number>();
  /** When somebody asked for a token who may start a refresh, and through which process. */
  readonly asks: Moment[] = [];
  /** When something went wrong on the way to the store or to the authorization server, and for which process. */
  readonly trouble: Moment[] = [];
  /** How long each attempt may take, as its intent says. */
  readonly durationMs = new Map<string, number>();
  /** When the store gave each attempt the lease, each time, and for how long. */
  readonly leases: { readonly attemptId: string; readonly atMs: number; readonly leaseMs: number }[] = [];
  /** When the store lost or took back what it had acknowledged. */
  tamperedAtMs: number | undefined;
  lost: LostRecord | undefined;
  readonly storeClock: StoreClock;

  /** @param storeClock The one of the run's store. */
  constructor(storeClock: StoreClock) {
    this.storeClock = storeClock;
  }

  /**
   * When a request was decided upon: at the last look that its sender had at the row. It is told by the answer that gives
   * the lease, and holds for as long as that; what is stored after the look, the sender cannot know.
   */
  decidedAtMs({ attemptId, askedAtMs, atMs }: JudgedRecord): number {
    const sentAtMs = askedAtMs ?? atMs;
    const look = this.leases.findLast((one) => one.attemptId === attemptId && one.atMs <= sentAtMs);
    return look !== undefined && sentAtMs - look.atMs < look.leaseMs ? look.atMs : sentAtMs;
  }

  /** The refresh tokens that were issued for one before a moment, each with what was judged. */
  successorsOf(refreshToken: string, beforeMs: number): readonly JudgedRecord[] {
    return this.judged.filter(
      (one) =>
        one.refreshToken === refreshToken &&
        one.issued !== undefined &&
        one.issued.refreshToken !== refreshToken &&
        one.atMs <= beforeMs,
    );
  }
}

/** Faults that are no trouble by themselves. */
const HARMLESS = new Set(["X20", "X22", "X45", "X53", "X61", "X62"]);

/** All chains of a run. */
export class Chains {
  readonly hindrances: Hindrances = new Hindrances();
  readonly #storeClock = new StoreClock();
  readonly #chains = new Map<string, Chain>();
  readonly #late: ((chain: Chain) => void)[] = [];

  of(grant: string): Chain {
    let chain = this.#chains.get(grant);
    if (chain === undefined) {
      this.#chains.set(grant, (chain = new Chain(this.#storeClock)));
      for (const apply of this.#late) apply(chain);
    }
    return chain;
  }

  get lost(): readonly Chain[] {
    return [...this.#chains.values()].filter((chain) => chain.lost !== undefined);
  }

  see(record: SimRecord): void {
    this.hindrances.see(record);
    this.#storeClock.see(record);
    const { kind } = record;
    if (kind === "judged") this.of(record.grant).judged.push(record);
    if (kind === "send") this.of(record.grant).sends.push(record);
    if (kind === "answer" && record.outcome === "committed") this.of(record.grant).answers.push(record);
    if (kind === "answer" && record.outcome === "config") this.of(record.grant).refused.add(record.attemptId);
    if (kind === "lost") this.of(record.grant).lost ??= record;
    if (kind === "event") this.#seeEvent(record);
    if (kind === "fault") this.#seeFault(record);
    if (kind === "store") this.#seeStore(record);
    if (kind === "call" && (record.door === "get" || record.door === "view") && record.prefetch !== true)
      this.of(record.grant).asks.push(record);
    if (kind === "process" && record.what !== "start") this.#toAll((chain) => chain.trouble.push(record));
  }

  /** Notes what a row holds after a write. */
  stored(record: StoreRecord, tokens: readonly string[]): void {
    const { durableAtMs } = this.of(record.grant);
    for (const token of tokens) if (!durableAtMs.has(token)) durableAtMs.set(token, record.atMs);
  }

  #seeStore({ grant, operation, answer, after, storeNowMs, atMs }: StoreRecord): void {
    if (operation === "admin" && answer !== "flush") this.of(grant).tamperedAtMs ??= atMs;
    const { intent, lease } = after ?? {};
    if (operation !== "acquireLease" || answer !== "acquired" || intent == null || lease == null) return;
    const { attemptId, deadlineAtMs } = intent;
    this.of(grant).durationMs.set(attemptId, deadlineAtMs - storeNowMs);
    this.of(grant).leases.push({ attemptId, atMs, leaseMs: lease.untilMs - storeNowMs });
  }

  #seeEvent({ event, grant, atMs, process }: Extract<SimRecord, { kind: "event" }>): void {
    if (event.type === "refresh_started") this.of(grant).startsAtMs.push(atMs);
    // A pause after a failure holds for all processes; a store that fails, for the one that told so.
    if (event.type === "refresh_ended" && event.outcome !== "committed" && event.outcome !== "rejected")
      this.of(grant).trouble.push({ atMs, process: undefined });
    if (event.type === "store_failed") this.#toAll((chain) => chain.trouble.push({ atMs, process }));
  }

  #seeFault({ id, grant, atMs, process }: Extract<SimRecord, { kind: "fault" }>): void {
    if (HARMLESS.has(id)) return;
    const moment = { atMs, process };
    if (grant === undefined) this.#toAll((chain) => chain.trouble.push(moment));
    else this.of(grant).trouble.push(moment);
  }

  #toAll(apply: (chain: Chain) => void): void {
    this.#late.push(apply);
    for (const chain of this.#chains.values()) apply(chain);
  }
}
