/**
 * What a checker is: a rule that reads the history record by record and says what is wrong with it.
 *
 * @module
 */
import type { SimRecord } from "./history.ts";
import type { Mode, Profile } from "./plan.ts";
import type { Sealed } from "./truth-sealer.ts";

/** What a checker may ask about the truth, beside the history. */
export interface Probe {
  /** What is in a sealed value. */
  reveal(sealed: string): Sealed | undefined;
  /** Whether the authorization server would give new tokens for this refresh token right now. */
  accepts(refreshToken: string): boolean;
  /** True end of an access token, in epoch milliseconds. */
  expiryOf(accessToken: string): number | undefined;
  /** The grant to which a token was issued. */
  grantOfToken(token: string): string | undefined;
  /** What an access token was asked for at the server; `undefined`: what the sign-in asked for. */
  targetOf(accessToken: string): string | undefined;
  /** How far the clock of a process is from true time right now, in milliseconds. */
  skewOf(process: string): number;
  /** True milliseconds that a process has stood still or was served late so far. */
  lostMsOf(process: string): number;
  /** Whether a process lives and is not paused. */
  runs(process: string): boolean;
  /** Refresh tokens of a grant that live processes keep in memory for a store that was away. */
  keptInMemory(grant: string): readonly string[];
  /** What callers of live, running processes still share: single flights that have not ended. */
  openFlights(): readonly string[];
  /** Whether a process lives, and no lasting fault keeps it from its store or from the authorization server. */
  healthy(process: string): boolean;
  /** The browsers' current grants. */
  wanted(): readonly string[];
  readonly mode: Mode;
  readonly profile: Profile;
  readonly servers: number;
  readonly accessLifetimeMs: number;
  readonly leaseMs: number;
  /** The longest time by which a call's host may hold it back for background work, in milliseconds. */
  readonly holdMs: number;
}

/** A rule over one kind of records. Each method returns what is wrong, or nothing. */
export interface Checker<Entry = SimRecord> {
  /** `I1 single flight` */
  readonly name: string;
  see(record: Entry): string | undefined;
  /** After each step, with the true time. */
  step?(nowMs: number): string | undefined;
  /** At the end, when everything has come to rest. */
  rest?(nowMs: number): string | undefined;
}

/** A broken rule. */
export interface Violation {
  readonly checker: string;
  readonly message: string;
  readonly atMs: number;
  /** How many records there were. */
  readonly records: number;
}

/** Runs checkers over a growing history. The first violation stays. */
export class Watch<Entry extends { readonly atMs: number } = SimRecord> {
  readonly #checkers: readonly Checker<Entry>[];
  readonly #records: readonly Entry[];
  #seen = 0;
  violation: Violation | undefined;

  constructor(checkers: readonly Checker<Entry>[], records: readonly Entry[]) {
    this.#checkers = checkers;
    this.#records = records;
  }

  /** Reads what is new. */
  step(nowMs: number): void {
    for (; this.#seen < this.#records.length && this.violation === undefined; this.#seen++) {
      const record = this.#records[this.#seen] as Entry;
      for (const checker of this.#checkers) {
        const message = checker.see(record);
        if (message !== undefined) this.#note(checker, message, record.atMs);
      }
    }
    for (const checker of this.#checkers) {
      if (checker.step !== undefined) this.#note(checker, checker.step(nowMs), nowMs);
    }
  }

  /** Reads what is new, and asks for the last word. */
  rest(nowMs: number): void {
    this.step(nowMs);
    for (const checker of this.#checkers) this.#note(checker, checker.rest?.(nowMs), nowMs);
  }

  #note({ name }: Checker<Entry>, message: string | undefined, atMs: number): void {
    if (message === undefined) return;
    this.violation ??= { checker: name, message, atMs, records: this.#seen + 1 };
  }
}
