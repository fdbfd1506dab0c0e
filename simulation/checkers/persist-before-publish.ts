/**
 * I5: nobody gets an access token before it is durable, but where the store is away and the process says so; and such a
 * rotation is flushed before its process refreshes the grant again.
 *
 * @module
 */
import type { Checker, Probe } from "../checker.ts";
import { tokensStoredBy } from "./stored-tokens.ts";

/** Compares what callers get with what was stored by then. */
export function persistBeforePublish(probe: Probe): Checker {
  const durable = new Set<string>();
  const answered = new Map<string, string>();
  const flagged = new Set<string>();
  return {
    name: "I5 persist before publish",
    see(record) {
      if (record.kind === "store") {
        for (const token of tokensStoredBy(probe, record)) durable.add(token);
      }
      if (record.kind === "answer" && record.accessToken !== undefined)
        answered.set(record.attemptId, record.accessToken);
      if (record.kind === "event" && record.event.type === "tokens_pending")
        flagged.add(`${record.process}|${answered.get(record.event.attemptId) ?? ""}`);
      if (record.kind === "send" && record.pendingHere)
        return `${record.process} sends ${record.refreshToken} although it keeps a newer one in memory`;
      if (record.kind !== "settled" || record.accessToken === undefined) return undefined;
      const { accessToken, process, grant } = record;
      return durable.has(accessToken) || flagged.has(`${process}|${accessToken}`)
        ? undefined
        : `${process} handed out ${accessToken} of ${grant} before it was stored`;
    },
  };
}
