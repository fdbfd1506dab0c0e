/**
 * What the tabs of one browser tell each other, so that one request serves all of them: when an answer came and when it
 * said to ask again, never a token and never a session (SEC-06). Whether the session changed shows in two checksums.
 *
 * A message can be forged by whatever runs in this origin, arrive late, twice or never. It can therefore change only when a
 * tab asks, within the bounds of {@link plan}, and make it ask once.
 *
 * @module
 */
import { elapsedMs, type Reading } from "./environment.ts";
import type { PlanState } from "./plan.ts";
import {
  askInMsOf,
  checksum,
  endsInMsOf,
  personOf,
  spareMsOf,
  viewOf,
  type ClientSession,
} from "./session.ts";

/** One message between tabs. Times are in milliseconds, `atMs` by the wall clock that all tabs share. */
export type TabNews =
  /** This tab is about to ask. The smallest number of those that want to goes first; 0 is already asking. */
  | { readonly kind: "asking"; readonly turn: number }
  /** This tab has a good answer of a signed-in user. */
  | {
      readonly kind: "answer";
      readonly atMs: number;
      /** Checksums of the user, and of what readers can see of the session. */
      readonly who: number;
      readonly view: number;
      /** The session's `accessTokenExpires`, in epoch seconds by the server's clock; 0 where it is not known. */
      readonly expires: number;
      readonly askInMs: number;
      readonly spareMs: number;
      readonly endsInMs: number;
      readonly soon: number;
    }
  /** This tab's request failed, for that many times in a row. */
  | { readonly kind: "failed"; readonly atMs: number; readonly failures: number }
  /** Somebody used this browser then. A tab that knows of a later time answers with that. */
  | { readonly kind: "active"; readonly atMs: number };

/** Older news, and news from the future, say nothing about now: the tab was frozen, or somebody set the clock. */
const MAX_AGE_MS = 2_000;
/** Browsers that blur their clocks blur them differently in each tab. */
const MAX_AHEAD_MS = 200;

/** News that may serve another tab as well as its own. */
export type SharedNews = Exclude<TabNews, { kind: "asking" | "active" }>;

/** The message about a good answer that came at `atMs`, the `soon`th in a row that said to come back at once. */
export function newsOf(session: ClientSession, atMs: number, soon: number): SharedNews {
  return {
    kind: "answer",
    atMs,
    who: checksum(personOf(session)),
    view: checksum(viewOf(session)),
    expires: session.accessTokenExpires ?? 0,
    askInMs: askInMsOf(session),
    spareMs: spareMsOf(session),
    endsInMs: endsInMsOf(session),
    soon,
  };
}

/** Checks a message of unknown origin. `undefined` for what is none of ours. */
export function readNews(value: unknown): TabNews | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const news = value as Readonly<Record<string, unknown>>;
  const kind = news["kind"] as TabNews["kind"];
  const isWhole =
    Object.hasOwn(NUMBERS, kind) &&
    NUMBERS[kind].every((name) => typeof news[name] === "number" && news[name] >= 0);
  return isWhole ? (value as TabNews) : undefined;
}

const NUMBERS: Readonly<Record<TabNews["kind"], readonly string[]>> = {
  asking: ["turn"],
  answer: ["atMs", "who", "view", "expires", "askInMs", "spareMs", "endsInMs", "soon"],
  failed: ["atMs", "failures"],
  active: ["atMs"],
};

/** What to do with news. `adopt`: the answer is this tab's as well. `ask`: what readers see has changed. */
export type Heard = "adopt" | "ask" | "ignore";

/**
 * Judges an answer or a failure of another tab. One of another user is ignored, because a change of user is announced in
 * another way; so is one that is older than what this tab knows (I13).
 */
export function judgeNews(
  news: SharedNews,
  latest: ClientSession | null | undefined,
  failures: number,
  nowMs: number,
): Heard {
  const ageMs = nowMs - news.atMs;
  if (!latest || !(ageMs >= -MAX_AHEAD_MS && ageMs <= MAX_AGE_MS)) return "ignore";
  if (news.kind === "failed") return news.failures > failures ? "adopt" : "ignore";
  if (news.who !== checksum(personOf(latest)) || news.expires < (latest.accessTokenExpires ?? 0))
    return "ignore";
  return news.view === checksum(viewOf(latest)) ? "adopt" : "ask";
}

/** The longest time that another tab's answer keeps this one from asking, unless its own answer said a longer one. */
const MAX_ADOPTED_ASK_MS = 86_400_000;

/**
 * What is known after another tab's answer or failure, which is this tab's as well. A forged message must not make an app
 * sign its user out, so the end of the sign-in can only move away, nor silence a tab: it asks after a day at the latest.
 */
export function afterNews(state: PlanState, news: SharedNews, now: Reading, draw: number): PlanState {
  const looked = { ...state, lookedAt: now, draw };
  if (news.kind === "failed") return { ...looked, failures: news.failures, failedAt: now };
  const { spareMs, soon } = news;
  const askInMs = Math.min(news.askInMs, Math.max(state.askInMs, MAX_ADOPTED_ASK_MS));
  const endsInMs = Math.max(news.endsInMs, state.endsInMs - elapsedMs(state.answeredAt, now));
  return { ...looked, answeredAt: now, askInMs, spareMs, endsInMs, soon, failures: 0 };
}

/**
 * When another tab says that somebody was active, by this tab's clocks. `undefined` for news from the future, of which a
 * tab with the same clock can have none; a moment of it, which is the time between two readings, counts as now.
 */
export function activeAtOf(atMs: number, now: Reading): Reading | undefined {
  const ageMs = now.wallMs - atMs;
  if (ageMs < -MAX_AGE_MS) return undefined;
  const knownMs = Math.max(ageMs, 0);
  return { wallMs: now.wallMs - knownMs, monotonicMs: now.monotonicMs - knownMs };
}
