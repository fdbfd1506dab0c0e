/**
 * I5: nobody gets an access token before it is durable, but where the store is away and the process says so; and such a
 * rotation is flushed before its process refreshes the grant again.
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";
import { tokensOfRow } from "./stored-tokens.ts";

/** Compares what callers get with what was stored by then. */
export function persistBeforePublish(probe: Probe): Checker {
  const durable = new Set<string>();
  const answered = new Map<string, string>();
  const flagged = new Set<string>();
  return {
    name: "I5 persist before publish",
    see(record) {
      switch (record.kind) {
        case "store":
          for (const token of tokensOfRow(probe, record.after)) durable.add(token);
          return undefined;
        case "answer":
          if (record.accessToken !== undefined) answered.set(record.attemptId, record.accessToken);
          return undefined;
        case "event": {
          if (record.event.type !== "tokens_pending") return undefined;
          flagged.add(`${record.process}|${answered.get(record.event.attemptId) ?? ""}`);
          return undefined;
        }
        case "settled": {
          const { accessToken, process, grant } = record;
          if (accessToken === undefined || durable.has(accessToken)) return undefined;
          return flagged.has(`${process}|${accessToken}`)
            ? undefined
            : `${process} handed out ${accessToken} of ${grant} before it was stored`;
        }
        case "send":
          return record.pendingHere
            ? `${record.process} sends ${record.refreshToken} although it keeps a newer one in memory`
            : undefined;
        default:
          return undefined;
      }
    },
  };
}
