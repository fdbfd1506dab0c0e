/**
 * I8: every token that a session gets, and every token in its row, was issued for its own grant.
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";
import { tokensStoredBy } from "./stored-tokens.ts";

/** Asks the authorization server whose each token is. */
export function isolation(probe: Probe): Checker {
  return {
    name: "I8 isolation",
    see(record) {
      if (record.kind === "settled" && record.accessToken !== undefined) {
        const owner = probe.grantOfToken(record.accessToken);
        if (owner !== record.grant)
          return `${record.process} gave ${record.accessToken} of ${owner ?? "nobody"} to ${record.grant}`;
      }
      if (record.kind === "store") {
        const foreign = tokensStoredBy(probe, record).find(
          (token) => probe.grantOfToken(token) !== record.grant,
        );
        if (foreign !== undefined) return `${foreign} is stored in ${record.grant}`;
      }
      return undefined;
    },
  };
}
