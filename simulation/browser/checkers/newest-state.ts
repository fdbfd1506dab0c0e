/**
 * I13, the page: what a tab shows is never replaced by the answer to an older request, by one that the server did not give to
 * this request, by another tab's news of an older token, or by an `update()` that a newer answer about somebody else has
 * overtaken; and nobody is shown as signed out who is not, also not because of a message that says so.
 *
 * Of what NextAuth got no tab knows when it was asked for. It is never taken over where the tab can see that it is older: it
 * names an older token of the same user, or is about whoever has just left.
 *
 * @module
 */
import type { Checker } from "../../checker.ts";
import { JUST_LEFT_MS } from "../bounds.ts";
import type { AnsweredRecord, BrowserRecord, TookRecord } from "../history.ts";

/** What a tab knows, by all that it took over. */
interface Known {
  readonly user: string | null;
  /** The end of its token, in epoch seconds; 0 where there is none. */
  expires: number;
  /** Who was signed in last before this user, or before nobody was, and when that ended. */
  readonly left: string | null;
  readonly leftAtMs: number;
}

/** Looks at whatever a tab takes over. */
export function newestState(): Checker<BrowserRecord> {
  const answers = new Map<number, AnsweredRecord>();
  const asked = new Map<number, string>();
  const updates = new Set<number>();
  /** By tab: the newest answer that it took over, by the server's order. */
  const newest = new Map<string, AnsweredRecord>();
  const taken = new Map<string, number>();
  const known = new Map<string, Known>();
  /** By browser: the sign-in that its cookie names now, `undefined` where that does not live. */
  const living = new Map<number, string | undefined>();

  /** `update()` is believed at once, so it must not bring back whom a later answer has replaced. */
  function isBroughtBack(before: AnsweredRecord | undefined, answer: AnsweredRecord): boolean {
    if (!updates.has(answer.request) || before === undefined) return false;
    return before.stateNo > answer.stateNo && before.seen.user !== answer.seen.user;
  }

  function isSeenToBeOlder({ tab, seen, expires, atMs }: TookRecord, answer: AnsweredRecord): boolean {
    const [shown, before] = [known.get(tab), newest.get(tab)];
    if (shown === undefined || before === undefined) return false;
    const isOlder = before.stateNo > answer.stateNo;
    if (seen.user !== shown.user)
      return isOlder && seen.user === shown.left && atMs - shown.leftAtMs < JUST_LEFT_MS;
    return expires < shown.expires && (isOlder || (expires > 0 && before.handle === answer.handle));
  }

  function learn({ tab, seen: { user }, expires, atMs }: TookRecord): void {
    const before = known.get(tab);
    const hasLeft = before !== undefined && before.user !== null && before.user !== user;
    const { left = null, leftAtMs = 0 } = hasLeft ? { left: before.user, leftAtMs: atMs } : { ...before };
    known.set(tab, { user, expires, left, leftAtMs });
  }

  function problemOf(took: TookRecord): string | undefined {
    const { tab, request, seen, how } = took;
    const answer = answers.get(request);
    if (how === "said") {
      // Where NextAuth's own request was answered, the server has said so itself.
      const lives = answer?.isLive === false ? undefined : living.get(took.browser);
      return lives !== undefined && lives === newest.get(tab)?.handle && known.get(tab)?.user != null
        ? `${tab} shows nobody because of a message, and whom it showed before is signed in`
        : undefined;
    }
    if (seen.user === null && (answer === undefined || answer.isLive))
      return `${tab} shows nobody after request ${request}, to which no server said so`;
    if (answer === undefined) return undefined;
    const last = newest.get(tab);
    if (how === "told" && isBroughtBack(last, answer))
      return `${tab} shows what update() got by request ${request} after the newer answer to ${String(last?.request)}`;
    if (how === "told" && isSeenToBeOlder(took, answer))
      return `${tab} shows what it was told by request ${request} after the newer answer to ${String(last?.request)}`;
    if (last === undefined || last.stateNo <= answer.stateNo) newest.set(tab, answer);
    if (how === "told") return undefined;
    if (asked.get(request) !== tab)
      return `${tab} shows the answer to request ${request}, which is not its own`;
    const before = taken.get(tab);
    taken.set(tab, request);
    if (before === undefined || before < request) return undefined;
    return `${tab} shows the answer to request ${request} after the one to ${before}`;
  }

  return {
    name: "I13 newest state",
    see(record) {
      if (record.kind === "ask") {
        asked.set(record.request, record.tab);
        if (record.reason === "update" && record.by === "app") updates.add(record.request);
      }
      // Of a request that came twice the first answer is the one that goes back.
      if (record.kind === "answered" && !answers.has(record.request)) answers.set(record.request, record);
      if (record.kind === "truth")
        living.set(record.browser, record.seen.user === null ? undefined : record.handle);
      if (record.kind === "took") {
        const problem = problemOf(record);
        learn(record);
        return problem;
      }
      if (record.kind !== "adopted") return undefined;
      const shown = known.get(record.tab);
      if (shown !== undefined) shown.expires = record.expires;
      if (record.expires >= record.knew) return undefined;
      return `${record.tab} took over news of a token that ends ${record.knew - record.expires} s before its own`;
    },
  };
}
