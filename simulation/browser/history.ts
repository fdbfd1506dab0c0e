/**
 * What a run of the browser world leaves behind: everything that happened, in its order, for rules to read.
 *
 * @module
 */
import { hashText } from "../chance.ts";

/** When, in true epoch milliseconds, and in which browser profile. */
interface At {
  readonly atMs: number;
  readonly browser: number;
}

/** The same, in one tab: its name is that of one life of the page, such as `b0t3.1`. */
interface AtTab extends At {
  readonly tab: string;
}

/** What somebody sees of a session: whose it is (`null`: nobody's), and whether only a new sign-in helps. */
export interface Seen {
  readonly user: string | null;
  readonly needsSignIn: boolean;
}

/** What becomes of a page. `cached`: in the back/forward cache. */
export type TabEvent =
  | "opened"
  | "closed"
  | "crashed"
  | "frozen"
  | "thawed"
  | "hidden"
  | "shown"
  | "cached"
  | "restored"
  | "focused";

/** What becomes of a machine. */
export type MachineEvent = "asleep" | "awake" | "offline" | "online" | "jumped";

/** Who sends a request: the client under test, NextAuth's own `getSession`, or the application (sign-in, sign-out, update). */
export type Sender = "client" | "next-auth" | "app";

/** What the server does with a request. */
export type Action = "session" | "update" | "callback" | "signout";

/** The server has made an answer. */
export interface AnsweredRecord extends At {
  readonly kind: "answered";
  readonly request: number;
  readonly action: Action;
  readonly status: number;
  /** The grant that the request's cookie named; empty without one. */
  readonly handle: string;
  /** Whether somebody was signed in by that cookie when the answer was made, by the model's own truth. */
  readonly isLive: boolean;
  readonly seen: Seen;
  /** Counts the changes of the server's state. */
  readonly stateNo: number;
  readonly refreshed: boolean;
}

/** An answer has reached the browser, and its cookies are in the jar. `before` and `after` are the grants named there. */
export interface ArrivedRecord extends At {
  readonly kind: "arrived";
  readonly request: number;
  readonly before: string;
  readonly after: string;
  /** Whether it came from a cache. */
  readonly cached: boolean;
}

/**
 * A tab took over an answer: of its own request, or what NextAuth or the application handed to it (`told`). `said`: it had
 * none, and shows nobody because NextAuth's message says that somebody signed out.
 */
export interface TookRecord extends AtTab {
  readonly kind: "took";
  readonly how: "answer" | "told" | "said";
  /** Of which the server's answer is known; 0 where nothing was delivered. */
  readonly request: number;
  readonly seen: Seen;
  /** `accessTokenExpires`, 0 where it is not known. */
  readonly expires: number;
  readonly isFresh: boolean;
}

/** Everything that can be in a history. */
export type BrowserRecord =
  | (AtTab & { readonly kind: "tab"; readonly what: TabEvent })
  /** `missedMs`: how much less time the wall clock and the monotonic clock have counted than went by, since the start. */
  | (At & {
      readonly kind: "machine";
      readonly what: MachineEvent;
      readonly missedMs: readonly [wall: number, monotonic: number];
    })
  | (AtTab & {
      readonly kind: "ask";
      readonly request: number;
      readonly by: Sender;
      readonly reason: string;
    })
  | AnsweredRecord
  | ArrivedRecord
  | TookRecord
  /** A request of a tab that brings no answer, or none in time: no rule may count on what that tab knows before then. */
  | (AtTab & { readonly kind: "hindered"; readonly untilMs: number })
  /** A tab took over what another one told it. */
  | (AtTab & { readonly kind: "adopted"; readonly expires: number; readonly knew: number })
  /** What `current()` of a tab says is something else now. */
  | (AtTab & { readonly kind: "shows"; readonly seen: Seen | undefined })
  /** NextAuth's message that the session changed has come to a tab, or was lost. */
  | (AtTab & { readonly kind: "announced"; readonly lost: boolean })
  | (AtTab & { readonly kind: "post"; readonly news: unknown })
  /** What the server would answer to the cookie in the jar is something else now. */
  | (At & { readonly kind: "truth"; readonly seen: Seen; readonly handle: string })
  | (At & { readonly kind: "fault"; readonly id: string; readonly what: string })
  /** Faults have stopped; everything had time to come to rest. */
  | (At & { readonly kind: "phase"; readonly phase: "healed" | "rest" });

/** The list, with a hash over all of it: two runs of one seed have the same. */
export class BrowserHistory {
  readonly records: BrowserRecord[] = [];
  #hash = 0x811c9dc5;

  add(record: BrowserRecord): void {
    this.records.push(record);
    this.#hash = hashText(JSON.stringify(record), this.#hash);
  }

  /** FNV-1a over the records so far. */
  get hash(): number {
    return this.#hash;
  }
}

/** Whether two see the same. */
export function isSame(a: Seen | undefined, b: Seen | undefined): boolean {
  return a?.user === b?.user && a?.needsSignIn === b?.needsSignIn;
}
