/**
 * SEC-06: what tabs tell each other is one of three words and numbers, so no token and nothing of a user.
 *
 * @module
 */
import type { Checker } from "../../checker.ts";
import type { BrowserRecord } from "../history.ts";

const KINDS: ReadonlySet<unknown> = new Set(["asking", "answer", "failed"]);

/** Looks at each message that the client posts. */
export function smallMessages(): Checker<BrowserRecord> {
  return {
    name: "SEC-06 numbers only",
    see(record) {
      if (record.kind !== "post") return undefined;
      const { kind, ...rest } = Object(record.news) as Record<string, unknown>;
      if (!KINDS.has(kind)) return `${record.tab} posted a message of an unknown kind`;
      const named = Object.entries(rest).find(([, value]) => typeof value !== "number");
      return named && `${record.tab} posted "${named[0]}", which is no number`;
    },
  };
}
