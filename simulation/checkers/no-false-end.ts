/**
 * I6: a grant ends only because its refresh token and all candidates were refused, because somebody signed out, or
 * because its time is over. No trouble of any other kind ends one.
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";
import type { SettledRecord, SimRecord, StoreRecord } from "../history.ts";
import { candidateTokens, currentRefreshToken, Ledger } from "./stored-tokens.ts";

/** Looks at each tombstone, and at each caller that is told to sign in again. */
export function noFalseEnd(probe: Probe): Checker {
  const ledger = new Ledger();
  const refused = new Set<string>();
  const insertedAtMs = new Map<string, number>();
  const calledAtMs = new Map<number, number>();
  const signOuts = new Map<string, Set<string>>();
  const endReasons = new Map<string, string>();
  let staleReads = false;

  const seeEnd = ({ before, after, grant }: StoreRecord): string | undefined => {
    if (before?.state !== "live" || after?.state !== "ended") return undefined;
    if (after.endReason === "signed_out" || after.endReason === "revoked" || after.endReason === "replaced") {
      return signOuts.has(grant) || signOuts.has("*") ? undefined : `nobody signed out of ${grant}`;
    }
    if (after.endReason === "expired") return `${grant} has expired within minutes`;
    const tokens = [currentRefreshToken(probe, before), ...candidateTokens(probe, before)];
    for (const token of tokens) {
      if (token === undefined) return `${grant} was ended although its tokens cannot be told`;
      if (probe.accepts(token)) return `${grant} was ended although ${token} is good`;
      if (!refused.has(token)) return `${grant} was ended although ${token} was never refused`;
    }
    return undefined;
  };

  const seeSettled = (record: SettledRecord): string | undefined => {
    const { reason, process, grant } = record;
    if (reason === undefined) return undefined;
    const row = ledger.rows.get(grant);
    if (row?.state === "ended") return undefined;
    // A process that has read the tombstone tells of it, also where the store has lost it since and is away (X30, X25).
    if (row === undefined && endReasons.get(grant) === reason) return undefined;
    const inTheMiddle = (insertedAtMs.get(grant) ?? 0) >= (calledAtMs.get(record.call) ?? 0);
    if (reason === "missing" && (row === undefined || staleReads || inTheMiddle)) return undefined;
    // The process that took the sign-out refuses the grant while the store does not know of it yet.
    if (signOuts.get(grant)?.has(process) === true || signOuts.get("*")?.has(process) === true)
      return undefined;
    return `${process} calls ${grant} ended (${reason}), and it is live`;
  };

  const note = (record: SimRecord): void => {
    ledger.see(record);
    if (record.kind === "fault" && record.what === "stale_reads") staleReads = true;
    if (record.kind === "judged" && (record.verdict === "refused" || record.verdict === "alarm")) {
      refused.add(record.refreshToken);
    }
    if (record.kind === "call" && (record.door === "end" || record.door === "end_all")) {
      const key = record.door === "end" ? record.grant : "*";
      signOuts.set(key, (signOuts.get(key) ?? new Set()).add(record.process));
    }
    if (record.kind === "call") calledAtMs.set(record.call, record.atMs);
    if (record.kind === "store" && record.after?.endReason != null)
      endReasons.set(record.grant, record.after.endReason);
    if (record.kind === "store" && record.operation === "insert") insertedAtMs.set(record.grant, record.atMs);
  };

  return {
    name: "I6 no false end",
    see(record) {
      note(record);
      if (record.kind === "store" && record.operation !== "admin") return seeEnd(record);
      return record.kind === "settled" ? seeSettled(record) : undefined;
    },
  };
}
