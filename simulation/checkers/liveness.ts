/**
 * I20: once faults have stopped, every grant that is asked for is fresh if its chain is good at the authorization server,
 * and has ended with the right reason if it is not.
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";
import type { SettledRecord } from "../history.ts";
import { candidateTokens, currentRefreshToken, Ledger } from "./stored-tokens.ts";

/** Judges the grants of all browsers when the run has come to rest. */
export function liveness(probe: Probe): Checker {
  const ledger = new Ledger();
  const last = new Map<string, SettledRecord>();
  const revoked = new Set<string>();
  const silent = new Set<string>();
  let healed = false;

  const problemOf = (grant: string): string | undefined => {
    const row = ledger.rows.get(grant);
    if (row === undefined || row.state === "ended") {
      const { endReason } = row ?? {};
      const byRefusal = endReason === "rejected" || endReason === "lost_response";
      if (byRefusal && revoked.has(grant) && !silent.has(grant) && endReason !== "rejected")
        return `${grant} was revoked there, and the reason given is ${endReason}`;
      return undefined;
    }
    const answer = last.get(grant);
    if (answer === undefined) return undefined;
    if (answer.good === true) return undefined;
    const tokens = [currentRefreshToken(probe, row), ...candidateTokens(probe, row)];
    const good = tokens.some((token) => token !== undefined && probe.accepts(token));
    return good
      ? `${grant} has a good chain, and its last caller got ${answer.result} (${answer.text ?? answer.accessToken ?? ""})`
      : `${grant} has no good token left, and has not ended: its last caller got ${answer.result} (${answer.text ?? answer.accessToken ?? ""})`;
  };

  return {
    name: "I20 liveness",
    see(record) {
      ledger.see(record);
      if (record.kind === "phase" && record.phase === "healed") healed = true;
      if (record.kind === "fault" && record.id === "X51" && record.grant !== undefined)
        revoked.add(record.grant);
      if (record.kind === "answer" && ["unknown", "committed_bad"].includes(record.outcome))
        silent.add(record.grant);
      if (record.kind === "process" && record.what !== "start") silent.add("*");
      const counts = record.kind === "settled" && (record.door === "get" || record.door === "renew");
      if (counts && healed && probe.healthy(record.process)) {
        if (record.door === "get" || record.accessToken !== undefined) last.set(record.grant, record);
      }
      return undefined;
    },
    rest() {
      for (const grant of probe.wanted()) {
        const problem = problemOf(grant);
        if (problem !== undefined && !silent.has("*")) return problem;
        if (problem !== undefined && !problem.includes("was revoked there")) return problem;
      }
      return undefined;
    },
  };
}
