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
  const open = new Map<number, CallRecord & { readonly lostMs: number }>();
  const late = (nowMs: number): string | undefined => {
    for (const { call, process, atMs, maxWaitMs, lostMs, door, grant } of open.values()) {
      if (!probe.runs(process)) continue;
      const waitedMs = nowMs - atMs - (probe.lostMsOf(process) - lostMs);
      if (waitedMs > maxWaitMs + STORE_MS + SLACK_MS + probe.holdMs)
        return `${door} (call ${call}) of ${grant} in ${process} has not settled for ${waitedMs} ms`;
    }
    return undefined;
  };
  return {
    name: "I11 bounded waiting",
    see(record) {
      if (record.kind === "call")
        open.set(record.call, { ...record, lostMs: probe.lostMsOf(record.process) });
      if (record.kind === "settled") {
        const call = open.get(record.call);
        open.delete(record.call);
        if (record.result === "threw")
          return `${record.door} threw what is no error of ours: ${record.text ?? ""}`;
        if (call !== undefined) {
          open.set(-1, call);
          const problem = late(record.atMs);
          open.delete(-1);
          return problem;
        }
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
