/**
 * I20: once faults have stopped, every grant that is asked for is fresh if its chain is good at the authorization server.
 * If it is not, it has ended, once, and with the reason that the server's own log gives.
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";
import type { AnswerRecord, JudgedRecord, LostRecord, SettledRecord, SimRecord } from "../history.ts";
import { candidateTokens, currentRefreshToken, Ledger } from "./stored-tokens.ts";

/** Clocks that differ by less are not wrong, in milliseconds. */
const WRONG_CLOCK_MS = 10_000;

/** Judges each end, and the grants of all browsers when the run has come to rest. */
export function liveness(probe: Probe): Checker {
  const ledger = new Ledger();
  const last = new Map<string, SettledRecord>();
  const log = new EndLog();
  let healed = false;

  const problemOf = (grant: string): string | undefined => {
    const row = ledger.rows.get(grant);
    const answer = last.get(grant);
    if (row === undefined || row.state === "ended" || answer === undefined || answer.good === true)
      return undefined;
    if (isFromWrongClock(probe, answer)) return undefined;
    const tokens = [currentRefreshToken(probe, row), ...candidateTokens(probe, row)];
    const good = tokens.some((token) => token !== undefined && probe.accepts(token));
    const got = `its last caller got ${answer.result} (${answer.text ?? answer.accessToken ?? ""})`;
    return good
      ? `${grant} has a good chain, and ${got}`
      : `${grant} has no good token left, and has not ended: ${got}`;
  };

  return {
    name: "I20 liveness",
    see(record) {
      ledger.see(record);
      if (record.kind === "phase" && record.phase === "healed") healed = true;
      const counts = record.kind === "settled" && (record.door === "get" || record.door === "renew");
      if (counts && healed && probe.healthy(record.process)) {
        if (record.door === "get" || record.accessToken !== undefined) last.set(record.grant, record);
      }
      return log.see(record, ledger.tampered);
    },
    rest() {
      for (const grant of probe.wanted()) {
        const problem = problemOf(grant);
        if (problem !== undefined) return problem;
      }
      return undefined;
    },
  };
}

/**
 * Whether the refresh token is known to be as it was after an answer to a request that had left. New tokens that nobody
 * stored are as good as lost.
 */
function saysWhatBecame({ outcome, code, sent, refreshToken }: AnswerRecord): boolean {
  // Nothing had left.
  if (code === "connection_refused" || (outcome === "not_sent" && code === "timeout")) return false;
  return ["rejected", "config", "not_committed", "not_sent"].includes(outcome) || refreshToken === sent;
}

/** A token that was issued by a clock that was ahead: it passes for good for as long as that was wrong (I17). */
function isFromWrongClock(probe: Probe, { accessToken, expiresAtMs = 0 }: SettledRecord): boolean {
  const trueEndMs = accessToken === undefined ? undefined : probe.expiryOf(accessToken);
  return trueEndMs !== undefined && expiresAtMs > trueEndMs + WRONG_CLOCK_MS;
}

/** Why and how often each grant ended, beside what the server's log says. */
class EndLog {
  /** By refresh token: what the server gave for it. */
  readonly #issued = new Map<string, JudgedRecord>();
  /** By refresh token: its requests that had no answer that says what became of it. */
  readonly #open = new Map<string, number>();
  readonly #sent = new Set<string>();
  /** Versions whose intent somebody took over from a holder that never came to say what had become of its request. */
  readonly #abandoned = new Set<string>();
  readonly #ends = new Map<string, number>();
  #clockJumped = false;

  see(record: SimRecord, tampered: ReadonlySet<string>): string | undefined {
    if (record.kind === "fault" && record.id === "X21") this.#clockJumped = true;
    if (record.kind === "judged" && record.issued !== undefined && record.verdict !== "same")
      this.#issued.set(record.refreshToken, record);
    if (record.kind === "send") {
      this.#sent.add(record.attemptId);
      this.#count(record.refreshToken, 1);
    }
    if (record.kind === "store" && record.answer === "acquired") {
      const { before, grant } = record;
      const { intent = null, lease = null, version = 0 } = before ?? {};
      const open = intent !== null && intent.parentVersion === version;
      if (open && (lease !== null || !this.#sent.has(intent.attemptId)))
        this.#abandoned.add(`${grant}|${version}`);
    }
    if (record.kind === "answer" && saysWhatBecame(record)) this.#count(record.sent, -1);
    if (record.kind !== "lost" || tampered.has(record.grant)) return undefined;
    const ends = (this.#ends.get(record.grant) ?? 0) + 1;
    this.#ends.set(record.grant, ends);
    if (ends > 1) return `${record.grant} was ended ${ends} times`;
    return this.#clockJumped ? undefined : this.#wrongReason(record);
  }

  /**
   * `lost_response` is right where the server gave a successor that no process can have, `rejected` where every request
   * with the refresh tokens of the row had an answer that says.
   */
  #wrongReason({ grant, how, row, version }: LostRecord): string | undefined {
    const open = row.filter((token) => (this.#open.get(token) ?? 0) > 0);
    const lost = open.filter((token) => this.#issued.has(token));
    if (how === "rejected" && lost.length > 0)
      return `${grant} ended as rejected, and the server's answer to ${lost[0] ?? ""} was lost`;
    const abandoned = this.#abandoned.has(`${grant}|${version}`);
    return how === "lost_response" && open.length === 0 && !abandoned
      ? `${grant} ended as lost_response, and every request of it had its answer`
      : undefined;
  }

  #count(refreshToken: string, more: number): void {
    this.#open.set(refreshToken, Math.max(0, (this.#open.get(refreshToken) ?? 0) + more));
  }
}
