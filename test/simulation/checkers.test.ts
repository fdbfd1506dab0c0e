/** Each rule of the simulation rejects a history in which it is broken, and accepts the same history without that. */
import { describe, expect, it } from "vitest";

import { Watch, type Probe } from "../../simulation/checker.ts";
import { CHECKERS, checkersFor } from "../../simulation/checkers/index.ts";
import type { SimRecord } from "../../simulation/history.ts";
import {
  GRANT,
  T,
  token,
  RT1,
  RT2,
  AT1,
  AT2,
  probe,
  row,
  store,
  inserted,
  started,
  send,
  call,
  settled,
  gotten,
  answer,
  lease,
  classified,
  committed,
  ended,
  unknown,
  intent,
  acquired,
  judgedRefused,
  lost,
  judged,
} from "./records.ts";

/** By rule: a history that breaks it, and the nearest one that does not. */
const STORIES: Readonly<
  Record<
    string,
    {
      readonly bad: readonly SimRecord[];
      readonly good: readonly SimRecord[];
      readonly probe?: Partial<Probe>;
    }
  >
> = {
  I1: {
    bad: [acquired, started("s0.1", "a"), started("s1.1", "b", T + 1_000)],
    good: [acquired, started("s0.1", "a"), started("s1.1", "b", T + 4_001)].map((record) =>
      record.kind === "store"
        ? store({ ...record, after: row({ lease: { ...lease, untilMs: T - 1 }, intent }) })
        : record,
    ),
  },
  I2: {
    bad: [store({ expectedVersion: 1, before: row({ version: 2 }), after: row({ version: 3 }) })],
    good: [committed],
  },
  I3: {
    bad: [
      store({
        operation: "releaseLease",
        answer: "true",
        fence: 1,
        before: row({ fence: 2, lease: { ...lease, holder: "s1.1", fence: 2 } }),
        after: row({ fence: 2, lease: null }),
      }),
    ],
    good: [
      store({
        operation: "releaseLease",
        answer: "true",
        fence: 2,
        before: row({ fence: 2, lease: { ...lease, fence: 2 } }),
        after: row({ fence: 2, lease: null }),
      }),
    ],
  },
  I4: { bad: [inserted, answer()], good: [inserted, answer(), committed] },
  I5: {
    bad: [inserted, answer(), settled({ accessToken: AT2, version: 2 })],
    good: [inserted, answer(), committed, settled({ accessToken: AT2, version: 2 })],
  },
  I6: { bad: [inserted, ended("rejected")], good: [inserted, judgedRefused, ended("rejected")] },
  I7: {
    bad: [store({ before: row({ state: "ended", endReason: "signed_out" }), after: row() })],
    good: [
      store({
        operation: "wipe",
        before: row({ state: "ended", endReason: "signed_out" }),
        after: row({ state: "ended", endReason: "signed_out", sealedTokenSet: "" }),
      }),
    ],
  },
  I8: { bad: [settled({ accessToken: token("at", "f9x1", 1), version: 1 })], good: [gotten] },
  I9: {
    bad: [call("get", T, 50_000), settled({ accessToken: AT1, version: 1, expiresAtMs: T + 40_000 })],
    good: [call("get", T, 50_000), gotten],
  },
  I10: {
    bad: Array.from({ length: 30 }, (_, index) => send("s0.1", `a${index}`, T + index * 100)),
    good: Array.from({ length: 30 }, (_, index) => send("s0.1", `a${index}`, T + index * 30_000)),
  },
  I11: {
    bad: [call("get"), settled({ atMs: T + 60_000, accessToken: AT1 })],
    good: [call("get"), settled({ atMs: T + 4_000, accessToken: AT1 })],
  },
  I12: {
    bad: [inserted, acquired, send("s0.1", "a", T), unknown, send("s1.1", "b", T + 20_000)],
    good: [inserted, acquired, send("s0.1", "a", T), unknown, send("s1.1", "b", T + 55_000)],
  },
  I14: {
    bad: [settled({ result: "store_failed", text: `cannot use ${RT1}` })],
    good: [settled({ result: "store_failed", text: "cannot use it" })],
  },
  I15: {
    bad: [
      {
        kind: "opened",
        atMs: T,
        process: "s0.1",
        slot: { grantId: GRANT, field: "token-set", version: 2 },
        sealedFor: { grantId: GRANT, field: "token-set", version: 1 },
      },
    ],
    good: [
      {
        kind: "opened",
        atMs: T,
        process: "s0.1",
        slot: { grantId: GRANT, field: "token-set", version: 1 },
        sealedFor: { grantId: GRANT, field: "token-set", version: 1 },
      },
    ],
  },
  I16: {
    bad: [
      inserted,
      ended("signed_out"),
      call("get", T + 5_000),
      settled({ atMs: T + 5_010, accessToken: AT1 }),
    ],
    good: [inserted, call("get"), ended("signed_out"), gotten],
  },
  I17: {
    bad: [call("get"), settled({ atMs: T + 70_000, processNowMs: T + 70_000, accessToken: AT1 })],
    // A clock that is ten seconds behind may err by ten seconds.
    good: [call("get"), settled({ atMs: T + 70_000, processNowMs: T + 59_000, accessToken: AT1 })],
  },
  I18: { bad: [inserted, committed], good: [inserted, answer(), committed] },
  I20: {
    bad: [inserted, { kind: "phase", atMs: T, phase: "healed" }, settled({ result: "refresh_unavailable" })],
    good: [inserted, { kind: "phase", atMs: T, phase: "healed" }, gotten],
  },
  I21: {
    bad: [inserted, send("s0.1", "a", T), judgedRefused, ended("rejected"), lost({ ended: undefined })],
    good: [
      inserted,
      send("s0.1", "a", T),
      judged({ issued: { refreshToken: RT2, accessToken: AT2 } }),
      judged({ attemptId: "b", verdict: "alarm" }),
      ended("lost_response"),
      lost(),
    ],
  },
  I22: {
    bad: [store({ after: row({ version: 2, sealedTokenSet: "sealed-1" }) })],
    good: [committed],
  },
};

const rotated = judged({ issued: { refreshToken: RT2, accessToken: AT2 } });
const refusal = answer({ outcome: "rejected", code: "invalid_grant", refreshToken: "" });

const outage: SimRecord = { kind: "fault", atMs: T, id: "X66", what: "as_answers" };
/** The first request of each of ten grants after an outage of a minute, so many milliseconds apart. */
const herd = (apartMs: number): readonly SimRecord[] =>
  Array.from({ length: 10 }, (_, index) => {
    const atMs = T + 60_000 + index * apartMs;
    const one = { ...send("s0.1", `a${index}`, atMs), grant: `key1.f${index}x1` } as SimRecord;
    return index === 0 ? [judged({ atMs: T + 60_000 }), one] : [one];
  }).flat();

/** A token whose true end is after a minute, handed out four seconds later; and a sign-in whose clock was five seconds ahead. */
const handedOutLate = settled({ atMs: T + 64_000, processNowMs: T + 64_000, accessToken: AT1 });
const signedInAhead = store({
  operation: "insert",
  answer: "true",
  before: undefined,
  after: row({ accessTokenExpiresAtMs: T + 65_000 }),
});

/**
 * A row that keeps the refresh token of its first version, from which it is sent again so long after its first use: beside
 * the pair that it was spent for, or beside itself, where whoever had that pair died before it was stored.
 */
const keptSend = (afterMs: number, version: 1 | 2 = 2): readonly SimRecord[] => {
  const kept = {
    attemptId: `a.parent.${T}.${T + 29_000}`,
    sealedTokenSet: "sealed-1",
    keyId: "k",
    version: 2,
    keptAtMs: T,
  };
  const after = row({ version, sealedTokenSet: `sealed-${version}`, candidates: [kept] });
  const policy = { class: "last_wins", graceMs: 30_000 } as const;
  const begun = started("s1.1", "b", T + afterMs) as Extract<SimRecord, { kind: "event" }>;
  return [
    inserted,
    send("s0.1", "a", T),
    store({ after }),
    { ...begun, event: { ...begun.event, version } } as SimRecord,
    { ...send("s1.1", "b", T + afterMs), policy } as SimRecord,
  ];
};

/** A refresh token that is sent again when its window is over, with what happened to the sender since it decided to. */
const lateResend = (...since: readonly SimRecord[]): readonly SimRecord[] => {
  const policy = { class: "grace", graceMs: 10_000 } as const;
  return [
    inserted,
    acquired,
    started("s0.1", "a"),
    { ...send("s0.1", "a", T), policy } as SimRecord,
    unknown,
    started("s1.1", "b", T + 8_000),
    ...since,
    { ...send("s1.1", "b", T + 20_000), policy } as SimRecord,
  ];
};
const pause = (process: string): SimRecord => ({
  kind: "process",
  atMs: T + 8_000,
  process,
  what: "pause",
  untilMs: T + 20_000,
});
/** The second request of an attempt has just begun when one of its requests is given up, which had lasted so long. */
const givenUp = (lastedMs: number): readonly SimRecord[] => [
  inserted,
  acquired,
  started("s0.1", "a"),
  started("s0.1", "a", T + 74_000),
  { kind: "aborted", atMs: T + 75_000, process: "s0.1", attemptId: "a", grant: GRANT, lastedMs },
];

/** Further ways to break a rule: the rule, how, a history that breaks it so, and the nearest one that does not. */
const MORE: readonly {
  readonly rule: string;
  readonly how: string;
  readonly bad: readonly SimRecord[];
  readonly good: readonly SimRecord[];
  readonly own?: Partial<Probe>;
}[] = [
  {
    rule: "I4",
    how: "by a request that is given up before its deadline, not by an older one of the same attempt (M6)",
    bad: givenUp(1_000),
    good: givenUp(75_000),
  },
  {
    rule: "I8",
    how: "by a token for another audience",
    bad: [call("get"), gotten],
    good: [{ ...call("get"), target: "billing" } as SimRecord, gotten],
    own: { targetOf: () => "billing" },
  },
  {
    rule: "I10",
    how: "by a herd that comes back in one second after an outage",
    bad: [outage, ...herd(100)],
    good: [outage, ...herd(1_500)],
    own: { profile: "herd" },
  },
  {
    rule: "I12",
    how: "by a spent refresh token that was kept, and sent when its window was over",
    bad: keptSend(31_000),
    good: keptSend(28_000),
  },
  {
    rule: "I12",
    how: "by one that is kept and no longer the stored one: that is sent when its access token is over (S6)",
    bad: keptSend(89_000),
    good: keptSend(89_000, 1),
  },
  {
    rule: "I12",
    how: "by one that is sent when its window is over, and not because the sender stood still (X11)",
    bad: lateResend(pause("s0.1")),
    good: lateResend(pause("s1.1")),
  },
  {
    rule: "I17",
    how: "by a lifetime that counts from the answer (M13)",
    bad: [inserted, answer({ requestedAtMs: T - 5_000 }), committed],
    good: [inserted, answer({ requestedAtMs: T }), committed],
  },
  {
    rule: "I17",
    how: "by the token of a sign-in at a clock that was right",
    bad: [inserted, call("get"), handedOutLate],
    good: [signedInAhead, call("get"), handedOutLate],
  },
  {
    rule: "I18",
    how: "by an answer that is taken for another",
    bad: [classified("rejected")],
    good: [classified("unknown")],
  },
  {
    rule: "I20",
    how: "by a reason that the server's log does not bear out: an answer was lost",
    bad: [inserted, send("s0.1", "a", T), rotated, unknown, lost({ how: "rejected" })],
    good: [inserted, send("s0.1", "a", T), rotated, unknown, lost()],
  },
  {
    rule: "I20",
    how: "by a reason that the server's log does not bear out: none was lost",
    bad: [inserted, send("s0.1", "a", T), refusal, lost()],
    good: [inserted, send("s0.1", "a", T), refusal, lost({ how: "rejected" })],
  },
  {
    rule: "I20",
    how: "by a grant that ends twice",
    bad: [inserted, send("s0.1", "a", T), lost(), lost()],
    good: [inserted, send("s0.1", "a", T), lost()],
  },
];

function violationOf(
  rule: string,
  records: readonly SimRecord[],
  overrides: Partial<Probe> = {},
): string | undefined {
  const watch = new Watch(checkersFor(probe(overrides), [rule]), records);
  watch.rest(Math.max(...records.map(({ atMs }) => atMs)));
  return watch.violation?.checker;
}

describe("a rule of the simulation", () => {
  it.each(Object.keys(CHECKERS))("%s has its story here", (rule) => {
    expect(STORIES).toHaveProperty(rule);
  });

  it.each(Object.entries(STORIES))(
    "%s rejects a history in which it is broken",
    (rule, { bad, probe: own }) => {
      expect(violationOf(rule, bad, own)).toMatch(new RegExp(`^${rule} `));
    },
  );

  it.each(Object.entries(STORIES))(
    "%s accepts the nearest one in which it holds",
    (rule, { good, probe: own }) => {
      expect(violationOf(rule, good, own)).toBeUndefined();
    },
  );

  it.each(MORE)("$rule rejects a history in which it is broken $how", ({ rule, bad, good, own }) => {
    expect(violationOf(rule, bad, own)).toMatch(new RegExp(`^${rule} `));
    expect(violationOf(rule, good, own)).toBeUndefined();
  });
});

describe("the rule of complete sign-out", () => {
  const phase = (name: "healed" | "rest" | "swept"): SimRecord => ({ kind: "phase", atMs: T, phase: name });
  const signedOut = [inserted, ended("signed_out"), phase("healed"), phase("rest")];
  const works = { accepts: (token: string) => token === RT1 };

  it("rejects a token that still works although the process that ended its grant lived on (I16)", () => {
    expect(violationOf("I16", signedOut, works)).toMatch(/^I16 /);
    expect(violationOf("I16", signedOut)).toBeUndefined();
  });

  it("rejects one that is left after a sweep, sealed or working, whoever has died (X9, I16)", () => {
    const died = { ...works, healthy: () => false };
    expect(violationOf("I16", signedOut, died)).toBeUndefined();
    expect(violationOf("I16", [...signedOut, phase("swept")], died)).toMatch(/^I16 /);
    expect(violationOf("I16", [...signedOut, phase("swept")])).toMatch(/^I16 /);
  });
});
