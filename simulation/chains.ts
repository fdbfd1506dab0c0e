/**
 * What the history says about the chain of refresh tokens of each grant: what was issued for what, what became durable
 * when, and what stood in the way.
 *
 * @module
 */
import type { JudgedRecord, SendRecord, SimRecord, StoreRecord } from "./history.ts";

/** The chain of one grant. */
export class Chain {
  readonly judged: JudgedRecord[] = [];
  readonly sends: SendRecord[] = [];
  /** When each token was first in a row. */
  readonly durableAtMs = new Map<string, number>();
  /** When the engine decided upon each attempt. */
  readonly decidedAtMs = new Map<string, number>();
  /** When somebody asked for a token. */
  readonly asks: number[] = [];
  /** When something went wrong on the way to the store or to the authorization server. */
  readonly trouble: number[] = [];
  revoked = false;
  duplicated = false;
  classChanged = false;

  /** The refresh tokens that were issued for one. */
  successorsOf(refreshToken: string): readonly string[] {
    return this.judged.flatMap((one) =>
      one.refreshToken === refreshToken &&
      one.issued !== undefined &&
      one.issued.refreshToken !== refreshToken
        ? [one.issued.refreshToken]
        : [],
    );
  }
}

/** Faults that are no trouble by themselves. */
const HARMLESS = new Set(["X20", "X22", "X45", "X53", "X61", "X62"]);

/** All chains of a run. */
export class Chains {
  readonly #chains = new Map<string, Chain>();
  readonly #late: ((chain: Chain) => void)[] = [];

  of(grant: string): Chain {
    let chain = this.#chains.get(grant);
    if (chain === undefined) {
      this.#chains.set(grant, (chain = new Chain()));
      for (const apply of this.#late) apply(chain);
    }
    return chain;
  }

  see(record: SimRecord): void {
    const { kind } = record;
    if (kind === "judged") this.of(record.grant).judged.push(record);
    if (kind === "send") this.of(record.grant).sends.push(record);
    if (kind === "event") this.#seeEvent(record);
    if (kind === "fault") this.#seeFault(record);
    if (kind === "call" && (record.door === "get" || record.door === "view"))
      this.of(record.grant).asks.push(record.atMs);
    if (kind === "process" && record.what !== "start")
      this.#toAll((chain) => chain.trouble.push(record.atMs));
  }

  /** Notes what a row holds after a write. */
  stored(record: StoreRecord, tokens: readonly string[]): void {
    const { durableAtMs } = this.of(record.grant);
    for (const token of tokens) if (!durableAtMs.has(token)) durableAtMs.set(token, record.atMs);
  }

  #seeEvent({ event, grant, atMs }: Extract<SimRecord, { kind: "event" }>): void {
    if (event.type === "refresh_started") this.of(grant).decidedAtMs.set(event.attemptId, atMs);
    if (event.type === "refresh_ended" && event.outcome !== "committed" && event.outcome !== "rejected")
      this.of(grant).trouble.push(atMs);
    if (event.type === "store_failed") this.#toAll((chain) => chain.trouble.push(atMs));
  }

  #seeFault({ id, what, grant, atMs }: Extract<SimRecord, { kind: "fault" }>): void {
    if (id === "X51" && grant !== undefined) this.of(grant).revoked = true;
    if (id === "X40" && grant !== undefined) this.of(grant).duplicated = true;
    if (what === "as_rotation") this.#toAll((chain) => (chain.classChanged = true));
    if (HARMLESS.has(id)) return;
    if (grant === undefined) this.#toAll((chain) => chain.trouble.push(atMs));
    else this.of(grant).trouble.push(atMs);
  }

  #toAll(apply: (chain: Chain) => void): void {
    this.#late.push(apply);
    for (const chain of this.#chains.values()) apply(chain);
  }
}
