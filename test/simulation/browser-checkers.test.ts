/** Each rule of the browser world rejects a history in which it is broken, and accepts the nearest one in which it holds. */
import { describe, expect, it } from "vitest";

import { HIDDEN_X_MS, JUST_LEFT_MS, OWN_PER_MINUTE, X_MS, Y_MS } from "../../simulation/browser/bounds.ts";
import {
  BROWSER_CHECKERS,
  browserCheckersFor,
  type RunFacts,
} from "../../simulation/browser/checkers/index.ts";
import type { AnsweredRecord, BrowserRecord, Seen, TookRecord } from "../../simulation/browser/history.ts";
import { Watch } from "../../simulation/checker.ts";

const T = 1_700_000_000_000;
const LIFETIME_MS = 60_000;
const ALICE: Seen = { user: "alice", needsSignIn: false };
const BOB: Seen = { user: "bob", needsSignIn: false };
const NOBODY: Seen = { user: null, needsSignIn: false };
const at = (afterMs: number) => ({ atMs: T + afterMs, browser: 0 });
const tab = (afterMs: number, name = "b0t1") => ({ ...at(afterMs), tab: name });

const opened = (name = "b0t1"): BrowserRecord => ({ kind: "tab", ...tab(0, name), what: "opened" });
const ask = (request: number, afterMs: number, reason = "idle", name = "b0t1"): BrowserRecord => ({
  kind: "ask",
  ...tab(afterMs, name),
  request,
  by: "client",
  reason,
});
const answered = (request: number, afterMs: number, more: Partial<AnsweredRecord> = {}): BrowserRecord => ({
  kind: "answered",
  ...at(afterMs),
  request,
  action: "session",
  status: 200,
  handle: "g1",
  isLive: true,
  seen: ALICE,
  stateNo: 1,
  refreshed: false,
  ...more,
});
const took = (request: number, afterMs: number, more: Partial<TookRecord> = {}): BrowserRecord => ({
  kind: "took",
  ...tab(afterMs),
  how: "answer",
  request,
  seen: ALICE,
  expires: (T + LIFETIME_MS) / 1_000,
  isFresh: true,
  ...more,
});
const shows = (seen: Seen, afterMs: number, name = "b0t1"): BrowserRecord => ({
  kind: "shows",
  ...tab(afterMs, name),
  seen,
});
const truth = (seen: Seen, afterMs: number): BrowserRecord => ({
  kind: "truth",
  ...at(afterMs),
  seen,
  handle: "g1",
});
const arrived = (request: number, before: string, after: string): BrowserRecord => ({
  kind: "arrived",
  ...at(100),
  request,
  before,
  after,
  cached: false,
});
const announced = (afterMs: number, lost = false): BrowserRecord => ({
  kind: "announced",
  ...tab(afterMs),
  lost,
});
const hindered = (afterMs: number): BrowserRecord => ({
  kind: "hindered",
  ...tab(afterMs),
  untilMs: T + afterMs,
});
const slept = (fromMs: number, untilMs: number): BrowserRecord[] => [
  { kind: "machine", ...at(fromMs), what: "asleep", missedMs: [0, 0] },
  { kind: "machine", ...at(untilMs), what: "awake", missedMs: [0, untilMs - fromMs] },
];
const phase = (afterMs: number): BrowserRecord => ({ kind: "phase", ...at(afterMs), phase: "rest" });
const adopted = (afterMs: number, name = "b0t1"): BrowserRecord => ({
  kind: "adopted",
  ...tab(afterMs, name),
  expires: (T + LIFETIME_MS) / 1_000,
  knew: 0,
});
const aliceIn = [
  opened(),
  truth(ALICE, 0),
  ask(1, 0, "mount"),
  answered(1, 10),
  took(1, 20),
  shows(ALICE, 20),
];
/** Two tabs show nobody. */
const nobodyIn: BrowserRecord[] = [
  opened(),
  truth(NOBODY, 0),
  shows(NOBODY, 1),
  opened("b0t2"),
  shows(NOBODY, 2, "b0t2"),
];
const signsIn: BrowserRecord = { kind: "ask", ...tab(5, "b0t2"), request: 2, by: "app", reason: "sign-in" };
/** The answer to that request names Alice's grant. */
const cookieOf = (request: number): BrowserRecord[] => [arrived(request, "", "g1"), truth(ALICE, 30)];
const tookBySecond = (request: number): BrowserRecord[] => [
  took(request, 50, { tab: "b0t2" }),
  shows(ALICE, 50, "b0t2"),
];
/** An answer was on its way during a sleep of 10 minutes, of which the clocks have missed that much. */
const answeredInSleep = (missedMs: readonly [wall: number, monotonic: number]): BrowserRecord[] => [
  opened(),
  ask(1, 0, "mount"),
  { kind: "machine", ...at(5), what: "asleep", missedMs: [0, 0] },
  answered(1, 10),
  { kind: "machine", ...at(600_000), what: "awake", missedMs },
  took(1, 600_000),
  shows(ALICE, 600_000),
];
/** A neighbour has told the first tab of a token; the message waited for the end of a sleep of 10 minutes. */
const toldInSleep = (missedMs: readonly [wall: number, monotonic: number]): BrowserRecord[] => [
  ...aliceIn,
  post({ kind: "answer", expires: (T + LIFETIME_MS) / 1_000 }, 40, "b0t2"),
  { kind: "machine", ...at(50), what: "asleep", missedMs: [0, 0] },
  { kind: "machine", ...at(600_000), what: "awake", missedMs },
  adopted(600_000),
];
/** Another tab opens, and takes over the news of the first; the first asks again. */
const adoptedBySecond = (afterMs: number): BrowserRecord[] => [
  opened("b0t2"),
  shows(ALICE, afterMs, "b0t2"),
  adopted(afterMs, "b0t2"),
  took(2, afterMs, { expires: (T + 2 * afterMs) / 1_000 }),
];
/** The first tab's token is not the newest any more: another tab came, and its first request renewed it. */
const renewedByNewTab = [
  ...aliceIn,
  ask(2, 25),
  answered(2, 28, { refreshed: true }),
  took(2, 30),
  opened("b0t2"),
  ask(4, 50, "mount", "b0t2"),
  answered(4, 60, { refreshed: true }),
  took(4, 70, { tab: "b0t2", expires: (T + LIFETIME_MS) / 1_000 }),
];
const updated = (request: number): BrowserRecord => ({
  kind: "ask",
  ...tab(0),
  request,
  by: "app",
  reason: "update",
});
const bobAnswered = answered(2, 3, { seen: BOB, stateNo: 2 });
const told = took(1, 5, { how: "told" });
/** The end of a newer token than Alice's first, and that of none. */
const LATER = { expires: (T + 2 * LIFETIME_MS) / 1_000 };
const ENDED = { expires: 0, isFresh: false, seen: { user: "alice", needsSignIn: true } };
const signedOut = (request: number, afterMs: number): BrowserRecord[] => [
  ask(request, afterMs),
  answered(request, afterMs, { seen: NOBODY, isLive: false, stateNo: 2 }),
  took(request, afterMs, { seen: NOBODY, expires: 0 }),
];
/** It shows nobody because of NextAuth's message alone. */
const said = (request: number, afterMs: number): BrowserRecord =>
  took(request, afterMs, { how: "said", seen: NOBODY, expires: 0 });
const post = (news: unknown, afterMs = 1, name = "b0t1"): BrowserRecord => ({
  kind: "post",
  ...tab(afterMs, name),
  news,
});

/** A history that breaks a rule, and the nearest one that does not. */
interface Story {
  readonly rule: string;
  readonly what: string;
  readonly bad: readonly BrowserRecord[];
  readonly good: readonly BrowserRecord[];
  readonly facts?: Partial<RunFacts>;
}

const STORIES: readonly Story[] = [
  {
    rule: "I13 order of cookies",
    what: "the read of a session that is over brings its cookie back",
    bad: [answered(1, 10, { isLive: false }), arrived(1, "g2", "g1")],
    good: [answered(1, 10, { isLive: false }), arrived(1, "g2", "g2")],
  },
  {
    rule: "I13 order of cookies",
    what: "a read names another grant than it came with",
    bad: [answered(1, 10), arrived(1, "g1", "g2")],
    good: [answered(1, 10, { action: "callback" }), arrived(1, "g1", "g2")],
  },
  {
    rule: "I13 order of cookies",
    what: "another browser's answer sets the cookie",
    bad: [answered(1, 10, { browser: 1 }), arrived(1, "g2", "g1")],
    good: [answered(1, 10), arrived(1, "g2", "g1")],
  },
  {
    rule: "I13 newest state",
    what: "the answer to an older request is shown",
    bad: [ask(1, 0), ask(2, 1), answered(1, 2), answered(2, 3), took(2, 4), took(1, 5)],
    good: [ask(1, 0), ask(2, 1), answered(1, 2), answered(2, 3), took(1, 4), took(2, 5)],
  },
  {
    rule: "I13 newest state",
    what: "an answer of before is shown again, from a cache",
    bad: [...aliceIn, ask(2, 50), took(1, 60)],
    good: [...aliceIn, ask(2, 50), answered(2, 55), took(2, 60)],
  },
  {
    rule: "I13 newest state",
    what: "the answer to another tab's request is shown",
    bad: [ask(1, 0, "idle", "b0t2"), answered(1, 2), took(1, 3)],
    good: [ask(1, 0), answered(1, 2), took(1, 3)],
  },
  {
    rule: "I13 newest state",
    what: "a failure, or a lost grant, counts as a sign-out",
    bad: [ask(1, 0), answered(1, 2), took(1, 3, { seen: NOBODY })],
    good: [ask(1, 0), answered(1, 2, { isLive: false }), took(1, 3, { seen: NOBODY })],
  },
  {
    rule: "I13 newest state",
    what: "a sign-out of before is believed after a sign-in, because NextAuth got nothing",
    bad: [...aliceIn, said(1, 40)],
    good: [...aliceIn, truth(NOBODY, 30), said(1, 40)],
  },
  {
    rule: "I13 newest state",
    what: "update() brings back a user who gave way to another meanwhile",
    bad: [updated(1), ask(2, 1), answered(1, 2), bobAnswered, took(2, 4, { seen: BOB }), told],
    good: [updated(1), ask(2, 1), answered(1, 2), answered(2, 3, { stateNo: 2 }), took(2, 4), told],
  },
  {
    rule: "I13 newest state",
    what: "NextAuth tells of the token before, and the tab shows it",
    bad: [
      ...aliceIn,
      ask(3, 30),
      answered(3, 31, { stateNo: 2 }),
      took(3, 32, LATER),
      { ...told, ...at(40) },
    ],
    good: [...aliceIn, ask(3, 30), answered(3, 31, { stateNo: 2 }), took(3, 32), { ...told, ...at(40) }],
  },
  {
    rule: "I13 newest state",
    what: "NextAuth tells of the token before the one of which another tab has told",
    bad: [...aliceIn, { ...adopted(30), ...LATER }, { ...told, ...at(40) }],
    good: [...aliceIn, adopted(30), { ...told, ...at(40) }],
  },
  {
    rule: "I13 newest state",
    what: "NextAuth tells of an ended sign-in after another one",
    bad: [...aliceIn, answered(3, 9, { stateNo: 0 }), took(3, 40, { ...ENDED, how: "told" })],
    good: [...aliceIn, answered(3, 39, { stateNo: 2 }), took(3, 40, { ...ENDED, how: "told" })],
  },
  {
    rule: "I13 newest state",
    what: "NextAuth tells of a user who has just left",
    bad: [...aliceIn, ...signedOut(2, 30), { ...told, ...at(30 + JUST_LEFT_MS - 1) }],
    // The tab has forgotten whom.
    good: [...aliceIn, ...signedOut(2, 30), { ...told, ...at(30 + JUST_LEFT_MS) }],
  },
  {
    rule: "I13 newest state",
    what: "news of an older token is taken over",
    bad: [{ kind: "adopted", ...tab(1), expires: 99, knew: 100 }],
    good: [{ kind: "adopted", ...tab(1), expires: 100, knew: 100 }],
  },
  {
    rule: "I13 user everywhere",
    what: "a tab that heard of a sign-out shows the user on and on",
    bad: [...aliceIn, truth(NOBODY, 100), announced(200), phase(200 + X_MS + 1)],
    good: [...aliceIn, truth(NOBODY, 100), announced(200), phase(200 + X_MS)],
  },
  {
    rule: "I13 user everywhere",
    what: "a tab that heard nothing shows the user before longer than a lifetime",
    bad: [...aliceIn, truth(BOB, 100), announced(200, true), phase(100 + LIFETIME_MS + X_MS + 1)],
    good: [...aliceIn, truth(BOB, 100), announced(200, true), phase(100 + LIFETIME_MS + X_MS)],
  },
  {
    rule: "I13 user everywhere",
    what: "a tab that shows nobody heard of a sign-in in vain",
    bad: [opened(), shows(NOBODY, 10), truth(BOB, 100), announced(200), phase(X_MS + 300)],
    good: [opened(), shows(NOBODY, 10), truth(BOB, 100), announced(200, true), phase(X_MS + 300)],
  },
  {
    rule: "I17 time safety",
    what: "a tab shows a token that has ended",
    bad: [...aliceIn, phase(LIFETIME_MS + X_MS + 1)],
    good: [...aliceIn, hindered(LIFETIME_MS + 1), phase(LIFETIME_MS + X_MS + 1)],
  },
  {
    rule: "I17 time safety",
    what: "a hidden tab does so for longer than throttled timers take",
    bad: [...aliceIn, { kind: "tab", ...tab(30), what: "hidden" }, phase(LIFETIME_MS + HIDDEN_X_MS + 1)],
    good: [...aliceIn, { kind: "tab", ...tab(30), what: "hidden" }, phase(LIFETIME_MS + X_MS + 1)],
  },
  {
    rule: "I17 time safety",
    what: "a tab sends a storm of requests",
    bad: [opened(), ...Array.from({ length: OWN_PER_MINUTE + 2 }, (_, i) => ask(i, i * 100, "retry"))],
    good: [opened(), ...Array.from({ length: OWN_PER_MINUTE + 2 }, (_, i) => ask(i, i * 4_000, "retry"))],
  },
  {
    rule: "I17 time safety",
    what: "one clock counted the sleep of an answer on its way, and the tab shows its token as if it were new",
    bad: [...answeredInSleep([600_000, 0]), phase(600_000 + X_MS + 1)],
    // Neither clock: somebody set one of them back meanwhile, and nobody can know how old the answer is.
    good: [...answeredInSleep([600_000, 600_000]), phase(600_000 + X_MS + 1)],
  },
  {
    rule: "I17 time safety",
    what: "another tab takes that over",
    bad: [...answeredInSleep([600_000, 0]), ...adoptedBySecond(600_030), phase(600_030 + X_MS + 1)],
    good: [...answeredInSleep([600_000, 600_000]), ...adoptedBySecond(600_030), phase(600_030 + X_MS + 1)],
  },
  {
    rule: "I17 time safety",
    what: "a tab takes over what it was told in a sleep that the wall clock has counted",
    bad: [...toldInSleep([0, 600_000]), phase(600_000 + X_MS + 1)],
    // The wall clock has not: by it, which tabs share, the news is as new as it says.
    good: [...toldInSleep([600_000, 0]), phase(600_000 + X_MS + 1)],
  },
  {
    rule: "I19 replaced in time",
    what: "a visible tab does not ask after a sleep, although nothing hinders it",
    bad: [...aliceIn, ...slept(1_000, 400_000), phase(400_000 + Y_MS + 1)],
    good: [...aliceIn, ...slept(1_000, 400_000), phase(400_000 + Y_MS)],
  },
  {
    rule: "I19 replaced in time",
    what: "a visible tab waits for one that asks and is gone",
    bad: [...aliceIn, phase(LIFETIME_MS + Y_MS + 1)],
    good: [
      ...aliceIn,
      { kind: "adopted", ...tab(50_000), expires: T / 1_000 + 200, knew: 0 },
      phase(LIFETIME_MS + Y_MS + 1),
    ],
  },
  {
    rule: "I19 one asks for all",
    what: "two tabs ask for one token",
    facts: { profile: "still" },
    bad: [...aliceIn, answered(2, 1, { refreshed: true }), took(2, 2), ask(3, 50), answered(3, 60)],
    good: [
      ...aliceIn,
      answered(2, 1, { refreshed: true }),
      took(2, 2),
      ask(3, 50),
      answered(3, 60, { refreshed: true }),
    ],
  },
  {
    rule: "I19 one asks for all",
    what: "a tab asks although it knows the token that the request of a new tab brought",
    facts: { profile: "calm" },
    bad: [...renewedByNewTab, adopted(80), ask(3, 81), answered(3, 90)],
    // That news is on its way: it asks for the token before, while a tab came.
    good: [...renewedByNewTab, ask(3, 79), adopted(80), answered(3, 90)],
  },
  ...["marker", "visible", "focus", "online", "active"].map((reason): Story => ({
    rule: "I19 one asks for all",
    what: `a tab asks because of ${reason} for a token that was just renewed, and nothing changed`,
    facts: { profile: "calm" },
    bad: [...aliceIn, answered(2, 1, { refreshed: true }), took(2, 2), ask(3, 50, reason), answered(3, 60)],
    good: [
      ...aliceIn,
      answered(2, 1, { refreshed: true }),
      took(2, 2),
      ask(3, 50, "update"),
      answered(3, 60),
    ],
  })),
  {
    rule: "I19 one asks for all",
    what: "a tab asks again where nothing fails",
    facts: { profile: "calm" },
    bad: [opened(), ask(1, 0, "retry")],
    good: [opened(), ask(1, 0, "idle")],
  },
  {
    rule: "I19 all come to rest",
    what: "a tab shows somebody else when all faults are over",
    bad: [...aliceIn, truth(BOB, 30), phase(40)],
    good: [...aliceIn, truth(ALICE, 30), phase(40)],
  },
  {
    rule: "I19 all come to rest",
    what: "a tab that shows nobody is not told of a sign-in by the tab where it was",
    bad: [...nobodyIn, signsIn, ...cookieOf(2), ask(3, 40, "mount", "b0t2"), ...tookBySecond(3), phase(90)],
    // That one is gone before its answer came: there is nobody who could tell.
    good: [
      ...nobodyIn,
      signsIn,
      { kind: "tab", ...tab(8, "b0t2"), what: "crashed" },
      ...cookieOf(2),
      phase(90),
    ],
  },
  {
    rule: "I19 all come to rest",
    what: "a tab that shows nobody is not told of a cookie that another one got back",
    bad: [...nobodyIn, ask(2, 5, "mount", "b0t2"), ...cookieOf(2), ...tookBySecond(2), phase(90)],
    // That one has asked again meanwhile, and takes no answer to the older request.
    good: [...nobodyIn, ask(2, 5, "mount", "b0t2"), ask(3, 6, "update", "b0t2"), ...cookieOf(2), phase(90)],
  },
  {
    rule: "I19 all come to rest",
    what: "a tab has come to rest with a token that has ended",
    bad: [...aliceIn, phase(LIFETIME_MS)],
    good: [...aliceIn, phase(LIFETIME_MS - 1)],
  },
  {
    rule: "SEC-06 numbers only",
    what: "a message holds a text",
    bad: [post({ kind: "answer", who: "alice" })],
    good: [post({ kind: "answer", who: 7 })],
  },
  {
    rule: "SEC-06 numbers only",
    what: "a message is of a kind of its own",
    bad: [post({ kind: "session", at: 1 })],
    good: [post({ kind: "asking", turn: 1 })],
  },
];

const FACTS: RunFacts = { profile: "faulty", lifetimeMs: LIFETIME_MS };

function violationOf(
  rule: string,
  records: readonly BrowserRecord[],
  facts: Partial<RunFacts> = {},
): unknown {
  const checkers = browserCheckersFor({ ...FACTS, ...facts }).filter(({ name }) => name === rule);
  const watch = new Watch<BrowserRecord>(checkers, records);
  watch.rest(Math.max(...records.map(({ atMs }) => atMs)));
  return watch.violation?.checker;
}

describe("a rule of the browser world", () => {
  it("has its story here, whichever it is", () => {
    const names = Object.keys(BROWSER_CHECKERS).flatMap((rule) =>
      browserCheckersFor(FACTS, [rule]).map(({ name }) => name),
    );

    expect([...new Set(STORIES.map(({ rule }) => rule))].sort()).toEqual(names.sort());
  });

  it.each(STORIES)("$rule rejects a history in which $what, and accepts the nearest other", (story) => {
    const { rule, bad, good, facts } = story;

    expect(violationOf(rule, bad, facts)).toBe(rule);
    expect(violationOf(rule, good, facts)).toBeUndefined();
  });
});
