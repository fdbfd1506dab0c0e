/**
 * I9: a token that is handed out has the life that was asked for, by the clock of its process, and no process goes back
 * behind a version that it has handed out before, unless its store is a replica that lags.
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";
import type { SettledRecord } from "../history.ts";
import { Ledger } from "./stored-tokens.ts";

interface OpenCall {
  readonly minValidityMs: number | undefined;
  /** The newest version that the process had handed out when the call began. */
  readonly floor: number;
}

/** Compares each token with its call. */
export function freshness(probe: Probe): Checker {
  const ledger = new Ledger();
  const calls = new Map<number, OpenCall>();
  const published = new Map<string, number>();
  let staleReads = false;

  const seeSettled = (record: SettledRecord): string | undefined => {
    const { process, grant, version, expiresAtMs, processNowMs, door } = record;
    const call = calls.get(record.call);
    calls.delete(record.call);
    if (record.accessToken === undefined || call === undefined || door === "view") return undefined;
    const key = `${process}|${grant}`;
    if (version !== undefined) published.set(key, Math.max(published.get(key) ?? 0, version));
    if (version !== undefined && version < call.floor && !ledger.tampered.has(grant) && !staleReads)
      return `${process} handed out version ${version} of ${grant} after version ${call.floor}`;
    if (expiresAtMs === undefined || probe.holdMs > 0) return undefined;
    const leftMs = expiresAtMs - processNowMs;
    return leftMs <= 0 || leftMs < (call.minValidityMs ?? 0)
      ? `${process} handed out a token of ${grant} with ${leftMs} ms left, asked were ${call.minValidityMs ?? 1}`
      : undefined;
  };

  return {
    name: "I9 freshness",
    see(record) {
      ledger.see(record);
      if (record.kind === "fault" && record.what === "stale_reads") staleReads = true;
      if (record.kind === "call") {
        const floor = published.get(`${record.process}|${record.grant}`) ?? 0;
        calls.set(record.call, { minValidityMs: record.minValidityMs, floor });
      }
      return record.kind === "settled" ? seeSettled(record) : undefined;
    },
  };
}
