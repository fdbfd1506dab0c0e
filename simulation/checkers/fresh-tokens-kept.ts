/**
 * I4: a refresh token that reached a process reaches durable storage, as the current one or as a candidate, unless the
 * process dies first or the user has signed out (then it is revoked).
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";
import type { AnswerRecord } from "../history.ts";
import { Ledger, tokensStoredBy } from "./stored-tokens.ts";

/** How early a timer may fire, and more. */
const EARLY_MS = 500;

/** Each answer is a duty, judged when the run has come to rest. */
export function freshTokensKept(probe: Probe): Checker {
  const ledger = new Ledger();
  const durable = new Set<string>();
  const revoked = new Set<string>();
  const duties: AnswerRecord[] = [];
  const gone = new Set<string>();
  /** How long each attempt may take, as its intent says. */
  const durationMs = new Map<string, number>();
  const startedAtMs = new Map<string, number>();

  const isDone = ({ refreshToken = "", process, grant }: AnswerRecord): boolean => {
    if (durable.has(refreshToken) || revoked.has(refreshToken)) return true;
    if (gone.has(process) || !probe.runs(process)) return true;
    const row = ledger.rows.get(grant);
    // A new sign-in of the same person took its place: its chain is left alone.
    if (row?.endReason === "replaced" || ledger.tampered.has(grant)) return true;
    return probe.mode === "liveness" && probe.keptInMemory(grant).includes(refreshToken);
  };

  /** A request whose caller has left goes on: only its own deadline ends it (M6). */
  const abortProblem = (attemptId: string, atMs: number): string | undefined => {
    const lastedMs = atMs - (startedAtMs.get(attemptId) ?? atMs);
    const allowedMs = durationMs.get(attemptId) ?? 0;
    return lastedMs < allowedMs - EARLY_MS
      ? `${attemptId} was given up after ${lastedMs} ms, and had ${allowedMs} ms`
      : undefined;
  };

  return {
    name: "I4 no fresh refresh token dropped",
    see(record) {
      ledger.see(record);
      if (record.kind === "store") {
        for (const token of tokensStoredBy(probe, record)) durable.add(token);
        const { intent } = record.after ?? {};
        if (record.operation === "acquireLease" && intent != null)
          durationMs.set(intent.attemptId, intent.deadlineAtMs - record.storeNowMs);
      } else if (record.kind === "process" && (record.what === "crash" || record.what === "stop")) {
        gone.add(record.process);
      } else if (record.kind === "revoke") {
        revoked.add(record.refreshToken);
      } else if (record.kind === "answer" && record.outcome === "committed") {
        duties.push(record);
      } else if (record.kind === "event" && record.event.type === "refresh_started") {
        startedAtMs.set(record.event.attemptId, record.atMs);
      }
      return record.kind === "aborted" ? abortProblem(record.attemptId, record.atMs) : undefined;
    },
    rest() {
      const dropped = duties.find((duty) => !isDone(duty));
      return dropped && `${dropped.refreshToken ?? "?"} reached ${dropped.process} and was never stored`;
    },
  };
}
