/**
 * I4: a refresh token that reached a process reaches durable storage, as the current one or as a candidate, unless the
 * process dies first or the user has signed out (then it is revoked).
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";
import type { AnswerRecord } from "../history.ts";
import { Ledger, tokensOfRow } from "./stored-tokens.ts";

/** Each answer is a duty, judged when the run has come to rest. */
export function freshTokensKept(probe: Probe): Checker {
  const ledger = new Ledger();
  const durable = new Set<string>();
  const revoked = new Set<string>();
  const duties: AnswerRecord[] = [];
  const gone = new Set<string>();
  const aborted = new Map<string, number>();
  const startedAtMs = new Map<string, number>();

  const isDone = ({ refreshToken = "", process, grant }: AnswerRecord): boolean => {
    if (durable.has(refreshToken) || revoked.has(refreshToken)) return true;
    if (gone.has(process) || !probe.runs(process)) return true;
    const row = ledger.rows.get(grant);
    // A new sign-in of the same person took its place: its chain is left alone.
    if (row?.endReason === "replaced" || ledger.tampered.has(grant)) return true;
    return probe.mode === "liveness" && probe.keptInMemory(grant).includes(refreshToken);
  };

  return {
    name: "I4 no fresh refresh token dropped",
    see(record) {
      ledger.see(record);
      if (record.kind === "store") {
        for (const token of tokensOfRow(probe, record.after)) durable.add(token);
      } else if (record.kind === "process" && (record.what === "crash" || record.what === "stop")) {
        gone.add(record.process);
      } else if (record.kind === "revoke") {
        revoked.add(record.refreshToken);
      } else if (record.kind === "answer" && record.outcome === "committed") {
        duties.push(record);
      } else if (record.kind === "event" && record.event.type === "refresh_started") {
        startedAtMs.set(record.event.attemptId, record.event.atMs);
      } else if (record.kind === "aborted") {
        aborted.set(record.attemptId, record.atMs);
      }
      return undefined;
    },
    rest() {
      const dropped = duties.find((duty) => !isDone(duty));
      return dropped && `${dropped.refreshToken ?? "?"} reached ${dropped.process} and was never stored`;
    },
  };
}
