/**
 * I14: no token in plain outside the refresh call: not in an event, not in an error, not in a row.
 *
 * @module
 */
import type { GrantRecord } from "../../src/core/grant.ts";
import { TOKEN_MARK } from "../as-model.ts";
import type { Checker, Probe } from "../checker.ts";

/** Every text of a row that an engine may choose. */
function textsOf(row: GrantRecord | undefined): readonly string[] {
  if (row === undefined) return [];
  const { sealedTokenSet, keyId, candidates, intent, backoff } = row;
  const kept = candidates.flatMap((one) => [one.attemptId, one.sealedTokenSet, one.keyId]);
  return [sealedTokenSet, keyId, intent?.attemptId ?? "", intent?.holder ?? "", backoff?.code ?? "", ...kept];
}

/** Looks for the mark that every token of the simulation carries. */
export function confidentiality(_probe: Probe): Checker {
  return {
    name: "I14 confidentiality",
    see(record) {
      if (record.kind === "event" && JSON.stringify(record.event).includes(TOKEN_MARK))
        return `the event ${record.event.type} holds a token`;
      if (record.kind === "settled" && record.text?.includes(TOKEN_MARK) === true)
        return `the error ${record.result} holds a token`;
      return record.kind === "store" && textsOf(record.after).some((text) => text.includes(TOKEN_MARK))
        ? `the row ${record.grant} holds a token in plain`
        : undefined;
    },
  };
}
