/**
 * I16: when a sign-out returns, the store refuses the grant, no process hands its tokens out beyond the stated bound, and
 * its refresh tokens are revoked, or still kept in the tombstone for that.
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";
import type { SettledRecord, SimRecord } from "../history.ts";
import { Ledger, tokensOfRow } from "./stored-tokens.ts";

/** `staleIfStoreDownMs`, and the time that the store gets to answer. */
const STALE_BOUND_MS = 30_000 + 3_000;

/** Looks at what comes back after a sign-out. */
export function completeSignOut(probe: Probe): Checker {
  const ledger = new Ledger();
  const startedAtMs = new Map<number, number>();
  const storeTroubleAtMs = new Map<string, number>();
  /** By grant: the refresh tokens of the row when it ended, and who ended it. */
  const ended = new Map<string, { readonly tokens: readonly string[]; readonly process: string }>();
  let staleReads = false;

  const note = (record: SimRecord): void => {
    if (record.kind === "store" && record.operation !== "admin") {
      const { before, after, grant, process } = record;
      if (before?.state === "live" && after?.state === "ended" && after.endReason !== "replaced")
        ended.set(grant, { tokens: tokensOfRow(probe, before), process });
    }
    ledger.see(record);
    if (record.kind === "call") startedAtMs.set(record.call, record.atMs);
    if (record.kind === "event" && ["store_failed", "served_stale"].includes(record.event.type))
      storeTroubleAtMs.set(record.process, record.atMs);
    if (record.kind === "fault" && record.what === "stale_reads") staleReads = true;
  };

  const seeSettled = (record: SettledRecord): string | undefined => {
    const { door, result, grant, process, atMs } = record;
    const row = ledger.rows.get(grant);
    if (door === "end" && (result === "true" || result === "false") && row?.state === "live")
      return `${process} says that ${grant} is signed out, and it is live`;
    if (
      door === "end_all" &&
      result !== "store_failed" &&
      row?.state === "live" &&
      !ledger.tampered.has(grant)
    )
      return `${process} says that everything of the user of ${grant} is signed out, and it is live`;
    if (record.accessToken === undefined) return undefined;
    const endedAtMs = ledger.endedAtMs.get(grant);
    const callAtMs = startedAtMs.get(record.call) ?? atMs;
    if (endedAtMs === undefined || callAtMs <= endedAtMs || staleReads) return undefined;
    const troubled = (storeTroubleAtMs.get(process) ?? 0) >= callAtMs;
    const boundMs = troubled ? STALE_BOUND_MS + probe.lostMsOf(process) + Math.abs(probe.skewOf(process)) : 0;
    return callAtMs - endedAtMs > boundMs
      ? `${process} handed out a token of ${grant} ${callAtMs - endedAtMs} ms after its end`
      : undefined;
  };

  return {
    name: "I16 complete sign-out",
    see(record) {
      note(record);
      return record.kind === "settled" ? seeSettled(record) : undefined;
    },
    rest() {
      for (const [grant, { tokens, process }] of ended) {
        if (ledger.goneAtMs.has(process) || ledger.tampered.has(grant) || !probe.runs(process)) continue;
        const kept = tokensOfRow(probe, ledger.rows.get(grant));
        const left = tokens.find((token) => probe.accepts(token) && !kept.includes(token));
        if (left !== undefined)
          return `${left} of the ended ${grant} still works, and nobody can revoke it any more`;
      }
      return undefined;
    },
  };
}
