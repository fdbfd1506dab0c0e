/**
 * I18: what is stored came in an answer that passed every check, an answer with somebody else's tokens is told, and the
 * real refresher takes each answer for what it is.
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";
import { tokensIn, tokensOfRow, tokensOfSealed } from "./stored-tokens.ts";

/** Follows each token from the answer to the row. */
export function responseIntegrity(probe: Probe): Checker {
  const given = new Set<string>();
  const mismatches = new Map<string, string>();
  return {
    name: "I18 response integrity",
    see(record) {
      if (record.kind === "answer") {
        if (record.code === "subject_mismatch") mismatches.set(record.attemptId, record.process);
        if (record.outcome !== "committed") return undefined;
        for (const token of [...tokensIn(record.accessToken ?? ""), ...tokensIn(record.refreshToken ?? "")])
          given.add(token);
      }
      if (record.kind === "classified" && record.got !== record.meant)
        return `${record.attemptId} was answered with ${record.meant}, and taken for ${record.got} (${record.code})`;
      if (record.kind === "event" && record.event.type === "subject_mismatch")
        mismatches.delete(record.event.attemptId);
      if (record.kind !== "store") return undefined;
      if (record.operation === "insert") {
        for (const token of tokensOfRow(probe, record.after)) given.add(token);
        return undefined;
      }
      if (record.after?.sealedTokenSet === record.before?.sealedTokenSet) return undefined;
      const wrong = tokensOfSealed(probe, record.after?.sealedTokenSet ?? "").find(
        (token) => !given.has(token),
      );
      return wrong && `${wrong} is stored, and no good answer brought it`;
    },
    rest() {
      for (const [attemptId, process] of mismatches) {
        if (probe.runs(process))
          return `nobody was told that ${attemptId} brought the tokens of somebody else`;
      }
      return undefined;
    },
  };
}
