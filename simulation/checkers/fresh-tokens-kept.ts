/**
 * I4: a refresh token that reached a process reaches durable storage, as the current one or as a candidate, within the
 * time that a process gets for it, unless the process dies, stands still or has no store within that time, or the user has
 * signed out (then it is revoked). What was hindered is stored later, if its process lives.
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";
import { Hindrances, PERSIST_MS } from "../hindrances.ts";
import type { AnswerRecord, SimRecord } from "../history.ts";
import { Ledger, tokensStoredBy } from "./stored-tokens.ts";

/** How early a timer may fire, and more. */
const EARLY_MS = 500;

/** Each answer is a duty, judged when its time is over, and once more when the run has come to rest. */
export function freshTokensKept(probe: Probe): Checker {
  const ledger = new Ledger();
  const hindrances = new Hindrances();
  const durable = new Set<string>();
  const revoked = new Set<string>();
  let due: AnswerRecord[] = [];
  const hindered: AnswerRecord[] = [];
  /** When the engine itself ended a grant. */
  const lostAtMs = new Map<string, number>();
  /** How long each attempt may take, as its intent says. */
  const durationMs = new Map<string, number>();

  const isDone = ({ refreshToken = "", grant, atMs }: AnswerRecord): boolean => {
    if (durable.has(refreshToken) || ledger.tampered.has(grant)) return true;
    const { endReason } = ledger.rows.get(grant) ?? {};
    // A new sign-in of the same person took its place: its chain is left alone.
    if (endReason === "replaced") return true;
    // An end by the engine itself excuses only what came after it: until then it was the refresh token to keep.
    return revoked.has(refreshToken) && (lostAtMs.get(grant) ?? -Infinity) <= atMs;
  };

  /** A request whose caller has left goes on: only its own deadline ends it (M6). */
  const abortProblem = (attemptId: string, lastedMs: number): string | undefined => {
    const allowedMs = durationMs.get(attemptId) ?? 0;
    return lastedMs < allowedMs - EARLY_MS
      ? `${attemptId} was given up after ${lastedMs} ms, and had ${allowedMs} ms`
      : undefined;
  };

  const note = (record: SimRecord): void => {
    ledger.see(record);
    hindrances.see(record);
    if (record.kind === "lost") lostAtMs.set(record.grant, record.atMs);
    if (record.kind === "revoke") revoked.add(record.refreshToken);
    if (record.kind === "answer" && record.outcome === "committed") due.push(record);
    if (record.kind !== "store") return;
    for (const token of tokensStoredBy(probe, record)) durable.add(token);
    const { intent } = record.after ?? {};
    if (record.operation === "acquireLease" && intent != null)
      durationMs.set(intent.attemptId, intent.deadlineAtMs - record.storeNowMs);
  };

  /** Duties whose time is over. */
  const step = (nowMs: number): string | undefined => {
    const over = due.filter(({ atMs }) => atMs + PERSIST_MS < nowMs);
    if (over.length === 0) return undefined;
    due = due.filter(({ atMs }) => atMs + PERSIST_MS >= nowMs);
    for (const duty of over) {
      if (isDone(duty)) continue;
      const { process, atMs, refreshToken = "?" } = duty;
      // What comes after the end is to be revoked: that is no matter of the store, and may take as long as the server takes.
      const isLate = ledger.endedAtMs.has(duty.grant) && (lostAtMs.get(duty.grant) ?? -Infinity) <= atMs;
      if (!isLate && !hindrances.hinders(process, atMs, atMs + PERSIST_MS))
        return `${refreshToken} reached ${process}, nothing hindered it, and it was not stored in ${PERSIST_MS} ms`;
      hindered.push(duty);
    }
    return undefined;
  };

  return {
    name: "I4 no fresh refresh token dropped",
    see(record) {
      note(record);
      return record.kind === "aborted" ? abortProblem(record.attemptId, record.lastedMs) : undefined;
    },
    step,
    rest(nowMs) {
      const problem = step(Math.max(nowMs, ...due.map(({ atMs }) => atMs + PERSIST_MS + 1)));
      if (problem !== undefined) return problem;
      const dropped = hindered.find((duty) => {
        const { process, grant, refreshToken = "" } = duty;
        if (isDone(duty) || revoked.has(refreshToken) || ledger.goneAtMs.has(process) || !probe.runs(process))
          return false;
        return probe.mode !== "liveness" || !probe.keptInMemory(grant).includes(refreshToken);
      });
      return dropped && `${dropped.refreshToken ?? "?"} reached ${dropped.process} and was never stored`;
    },
  };
}
