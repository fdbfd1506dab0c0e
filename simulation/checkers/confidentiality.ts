/**
 * I14: no token in plain outside the refresh call: not in an event, not in an error, not in a row.
 *
 * @module
 */
import { TOKEN_MARK } from "../as-model.ts";
import type { Checker, Probe } from "../checker.ts";

/** Looks for the mark that every token of the simulation carries. */
export function confidentiality(_probe: Probe): Checker {
  return {
    name: "I14 confidentiality",
    see(record) {
      if (record.kind === "event" && JSON.stringify(record.event).includes(TOKEN_MARK))
        return `the event ${record.event.type} holds a token`;
      if (record.kind === "settled" && record.text?.includes(TOKEN_MARK) === true)
        return `the error ${record.result} holds a token`;
      const changed = record.kind === "store" && record.before !== record.after;
      return changed && JSON.stringify(record.after ?? null).includes(TOKEN_MARK)
        ? `the row ${record.grant} holds a token in plain`
        : undefined;
    },
  };
}
