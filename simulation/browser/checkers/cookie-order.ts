/**
 * I13, the cookie: in whatever order answers arrive, the jar goes on to name the grant of the last sign-in. A read never
 * puts another grant there than the one that it came with; the read of a session that is over leaves the cookie alone.
 *
 * @module
 */
import type { Checker } from "../../checker.ts";
import type { AnsweredRecord, BrowserRecord } from "../history.ts";

/** Looks at each arrival. */
export function cookieOrder(): Checker<BrowserRecord> {
  const answers = new Map<number, AnsweredRecord>();
  return {
    name: "I13 order of cookies",
    see(record) {
      if (record.kind === "answered" && !answers.has(record.request)) answers.set(record.request, record);
      if (record.kind !== "arrived" || record.before === record.after) return undefined;
      const answer = answers.get(record.request);
      if (answer === undefined || (answer.action !== "session" && answer.action !== "update"))
        return undefined;
      const changed = `${nameOf(record.before)} to ${nameOf(record.after)} by the answer to request ${record.request}`;
      if (answer.browser !== record.browser) return `the cookie went from ${changed}, of another browser`;
      if (!answer.isLive) return `the cookie went from ${changed}, whose session was over when it was made`;
      return record.after === answer.handle
        ? undefined
        : `the cookie went from ${changed}, which came with ${answer.handle}`;
    },
  };
}

function nameOf(handle: string): string {
  return handle === "" ? "none" : handle;
}
