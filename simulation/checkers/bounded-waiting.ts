/**
 * I11: every call settles by its deadline, and nothing that callers share outlives its work.
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";
import type { CallRecord } from "../history.ts";

/** Four operations of a store that does not answer, and some more. */
const STORE_MS = 4 * 3_000;
const SLACK_MS = 2_000;

/** Looks at the calls that are open after each step. */
export function boundedWaiting(probe: Probe): Checker {
  const open = new Map<number, CallRecord>();
  const problemOf = (one: CallRecord, nowMs: number, lostMs: number): string | undefined => {
    const waitedMs = nowMs - one.atMs - (lostMs - one.lostMs);
    return waitedMs > one.maxWaitMs + STORE_MS + SLACK_MS + probe.holdMs
      ? `${one.door} (call ${one.call}) of ${one.grant} in ${one.process} has not settled for ${waitedMs} ms`
      : undefined;
  };
  const late = (nowMs: number): string | undefined => {
    for (const one of open.values()) {
      if (!probe.runs(one.process)) continue;
      const problem = problemOf(one, nowMs, probe.lostMsOf(one.process));
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
  return {
    name: "I11 bounded waiting",
    see(record) {
      if (record.kind === "call") open.set(record.call, record);
      if (record.kind === "settled") {
        const call = open.get(record.call);
        open.delete(record.call);
        if (record.result === "threw")
          return `${record.door} threw what is no error of ours: ${record.text ?? ""}`;
        return call && problemOf(call, record.atMs, record.lostMs);
      }
      if (record.kind === "process" && (record.what === "crash" || record.what === "stop")) {
        for (const [call, { process }] of open) if (process === record.process) open.delete(call);
      }
      return undefined;
    },
    step: late,
    rest(nowMs) {
      const flights = probe.openFlights();
      return late(nowMs) ?? (flights.length > 0 ? `still shared at rest: ${flights.join(", ")}` : undefined);
    },
  };
}
