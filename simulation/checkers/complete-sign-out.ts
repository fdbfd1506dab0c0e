/**
 * I16: when a sign-out returns, the store refuses the grant, and no process hands its tokens out beyond the stated bound.
 * Its refresh tokens are revoked by the process that ended it, if that lives on and the authorization server answers
 * within the hour; what is left of any other sign-out, the next sweep of the store revokes and erases. That goes for the
 * end, too, of a sign-in that came while "end all of this user" was on its way to the store: nobody asked for it.
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";
import type { SettledRecord, SimRecord } from "../history.ts";
import { Ledger, tokensOfRow } from "./stored-tokens.ts";

/** `staleIfStoreDownMs`, and the time that the store gets to answer. */
const STALE_BOUND_MS = 30_000 + 3_000;

/** For how long the process that ended a grant certainly goes on trying to revoke. */
const OFFERED_MS = 50 * 60_000;

interface End {
  /** The refresh tokens of the row when it ended. */
  readonly tokens: readonly string[];
  /** Who ended it. */
  readonly process: string;
  /** It was made after the end had been sent. */
  readonly isNewer: boolean;
  readonly atMs: number;
}

/** Looks at what comes back after a sign-out. */
export function completeSignOut(probe: Probe): Checker {
  const ledger = new Ledger();
  const startedAtMs = new Map<number, number>();
  const insertedAtMs = new Map<string, number>();
  const storeTroubleAtMs = new Map<string, number>();
  const ended = new Map<string, End>();
  /** `<process> <grant>`: a process could not open what it would have to revoke. */
  const unopened = new Set<string>();
  let staleReads = false;
  let healedAtMs = 0;
  let swept = false;

  const note = (record: SimRecord): void => {
    if (record.kind === "store" && record.operation !== "admin") {
      const { before, after, grant, process } = record;
      if (before?.state === "live" && after?.state === "ended" && after.endReason !== "replaced") {
        const isNewer = (insertedAtMs.get(grant) ?? 0) > (record.sentAtMs ?? record.atMs);
        ended.set(grant, { tokens: tokensOfRow(probe, before), process, isNewer, atMs: record.atMs });
      }
    }
    ledger.see(record);
    if (record.kind === "store" && record.operation === "insert" && record.answer === "true")
      insertedAtMs.set(record.grant, record.atMs);
    if (record.kind === "call") startedAtMs.set(record.call, record.atMs);
    if (record.kind === "event" && ["store_failed", "served_stale"].includes(record.event.type))
      storeTroubleAtMs.set(record.process, record.atMs);
    if (record.kind === "fault" && record.what === "stale_reads") staleReads = true;
    if (record.kind === "event" && record.event.type === "unseal_failed")
      unopened.add(`${record.process} ${record.grant}`);
    if (record.kind === "phase" && record.phase === "healed") healedAtMs = record.atMs;
    if (record.kind === "phase" && record.phase === "swept") swept = true;
  };

  const seeSettled = (record: SettledRecord): string | undefined => {
    const { door, result, grant, process, atMs } = record;
    const row = ledger.rows.get(grant);
    // A sign-out that overtook the sign-in found nothing to end.
    const overtook = (insertedAtMs.get(grant) ?? 0) >= (startedAtMs.get(record.call) ?? 0);
    if (door === "end" && (result === "true" || (result === "false" && !overtook)) && row?.state === "live")
      return `${process} says that ${grant} is signed out, and it is live`;
    if (
      door === "end_all" &&
      result !== "store_failed" &&
      !overtook &&
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

  const notRevoked = (isDue: (grant: string, end: End) => boolean, why: string): string | undefined => {
    for (const [grant, end] of ended) {
      if (ledger.tampered.has(grant) || !isDue(grant, end)) continue;
      const left = end.tokens.find((token) => probe.accepts(token));
      if (left !== undefined) return `${left} of the ended ${grant} still works ${why}`;
    }
    return undefined;
  };

  /** By the process itself, before any sweep. */
  const isOwnDue = (grant: string, { process, atMs, isNewer }: End): boolean =>
    !isNewer &&
    !ledger.goneAtMs.has(process) &&
    probe.healthy(process) &&
    !unopened.has(`${process} ${grant}`) &&
    healedAtMs - atMs < OFFERED_MS;

  return {
    name: "I16 complete sign-out",
    see(record) {
      note(record);
      if (record.kind === "phase" && record.phase === "rest")
        return notRevoked(isOwnDue, "although the process that ended it lived on");
      return record.kind === "settled" ? seeSettled(record) : undefined;
    },
    rest() {
      if (!swept) return undefined;
      for (const grant of ended.keys()) {
        if (!ledger.tampered.has(grant) && tokensOfRow(probe, ledger.rows.get(grant)).length > 0)
          return `a sweep has left tokens in the tombstone of ${grant}`;
      }
      return notRevoked(() => true, "after a sweep");
    },
  };
}
