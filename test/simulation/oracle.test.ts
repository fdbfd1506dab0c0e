/** The oracle finds for each lost grant what killed it, and excuses nothing that came later or had nothing to do with it. */
import { describe, expect, it } from "vitest";

import { unreachableGrants } from "../../simulation/bound.ts";
import { Watch } from "../../simulation/checker.ts";
import { checkersFor } from "../../simulation/checkers/index.ts";
import type { Intent } from "../../src/core/grant.ts";
import type { SimRecord } from "../../simulation/history.ts";
import { accountOf } from "../../simulation/oracle.ts";
import {
  answer,
  AT2,
  committed,
  GRANT,
  inserted,
  intent,
  judged,
  lease,
  lost,
  probe,
  RT1,
  row,
  RT2,
  send,
  store,
  T,
} from "./records.ts";

const issued = { refreshToken: RT2, accessToken: AT2 };
const rotated = judged({ atMs: T + 100, askedAtMs: T, issued });
const came = answer({ atMs: T + 200 });
const alarm = judged({ atMs: T + 55_000, askedAtMs: T + 55_000, attemptId: "b", verdict: "alarm" });
const told = lost({ atMs: T + 55_100 });
const gone = (process: string, atMs: number): SimRecord => ({
  kind: "process",
  atMs,
  process,
  what: "crash",
});
const paused = (process: string, atMs: number, untilMs: number): SimRecord => ({
  kind: "process",
  atMs,
  process,
  what: "pause",
  untilMs,
});
const storeFailed = (atMs: number): SimRecord => ({
  kind: "event",
  atMs,
  process: "s0.1",
  grant: "",
  event: { type: "store_failed", atMs, grantRef: "", provider: "", operation: "commit" },
});
const story = (...records: readonly SimRecord[]): readonly SimRecord[] =>
  [inserted, send("s0.1", "a", T), rotated, ...records, send("s1.1", "b", T + 55_000), alarm, told].sort(
    (a, b) => a.atMs - b.atMs,
  );

function causeOf(records: readonly SimRecord[]): string | undefined {
  const { unavoidable, avoidable } = accountOf(records, probe());
  expect(unavoidable.length + avoidable.length).toBe(1);
  return unavoidable[0]?.cause;
}

function broken(rule: string, records: readonly SimRecord[]): string | undefined {
  const watch = new Watch(checkersFor(probe({ runs: (process) => process !== "s0.1" }), [rule]), records);
  watch.rest(T + 400_000);
  return watch.violation?.checker;
}

describe("a refresh token that reached a process and became nothing (I4, I21)", () => {
  it("is avoidable where its process was stopped long after the time that it gets to store it", () => {
    const records = [...story(came), gone("s0.1", T + 300_000)];

    expect(causeOf(records)).toBeUndefined();
    expect(broken("I4", records)).toMatch(/^I4/);
    expect(broken("I21", records)).toMatch(/^I21/);
  });

  it.each([
    ["died", gone("s0.1", T + 5_000)],
    ["stood still", paused("s0.1", T + 5_000, T + 60_000)],
  ])("is excused where its process %s within that time", (_what, hindrance) => {
    const records = [...story(came, hindrance), gone("s0.1", T + 300_000)];

    expect(causeOf(records)).toBe("holder_hindered");
    expect(broken("I4", records)).toBeUndefined();
  });

  const failing = (fromMs: number, untilMs: number): readonly SimRecord[] =>
    Array.from({ length: (untilMs - fromMs) / 2_000 }, (_, index) => storeFailed(T + fromMs + index * 2_000));

  it("is excused where its process had no store from that time until the old one was used", () => {
    expect(causeOf(story(came, ...failing(5_000, 55_000)))).toBe("holder_hindered");
  });

  it("is excused where its process died while it had no store", () => {
    expect(causeOf(story(came, ...failing(5_000, 35_000), gone("s0.1", T + 36_000)))).toBe("holder_hindered");
  });

  it("is avoidable where its process lived on and had its store back before the old one was used", () => {
    expect(causeOf(story(came, ...failing(5_000, 35_000)))).toBeUndefined();
    expect(causeOf(story(came, ...failing(5_000, 35_000), gone("s0.1", T + 50_000)))).toBeUndefined();
  });

  it("is not excused by what happened to another process", () => {
    expect(causeOf(story(came, gone("s2.1", T + 5_000)))).toBeUndefined();
  });

  it("is not excused by a tombstone that the engine itself wrote after the answer had come", () => {
    const late = answer({ atMs: T + 55_050 });
    const records = [
      inserted,
      send("s0.1", "a", T),
      { ...rotated, asClass: "P5" } as SimRecord,
      judged({ atMs: T + 55_000, attemptId: "b", verdict: "refused", asClass: "P5" }),
      late,
      lost({ atMs: T + 55_100, ended: undefined }),
    ];

    expect(causeOf(records)).toBeUndefined();
  });

  it("is excused where its answer never came", () => {
    expect(causeOf(story())).toBe("answer_lost");
  });
});

describe("a second use that ended the chain (I21)", () => {
  it("is avoidable where it was decided upon after the successor was stored, whatever else went wrong", () => {
    const stored = { ...committed, atMs: T + 300 };
    const consumed = judged({ atMs: T + 50_000, refreshToken: RT2, verdict: "consumed" });

    expect(causeOf(story(came, stored as SimRecord, consumed))).toBeUndefined();
  });

  it("is excused where it was decided upon before the successor was stored", () => {
    const stored = { ...committed, atMs: T + 300 } as SimRecord;
    const late = { ...alarm, askedAtMs: T + 50 } as SimRecord;
    const records = story(came, stored).map((record) => (record === alarm ? late : record));

    expect(causeOf(records)).toBe("unforeseeable");
  });

  it.each([
    ["is excused where its sender had looked at the row before, under its lease", 54_000, "unforeseeable"],
    ["is avoidable where that lease was over when it sent", 50_000, undefined],
  ])("%s", (_, lookedAfterMs, cause) => {
    const look = T + lookedAfterMs;
    const lease = { holder: "s1.1", fence: 2, untilMs: look + 4_000 };
    const intent = { attemptId: "b", deadlineAtMs: look + 15_000 } as Intent;
    const taken = store({
      ...{ atMs: look, process: "s1.1", operation: "acquireLease", answer: "acquired" },
      after: row({ lease, intent }),
    });
    const stored = { ...committed, atMs: look + 500 } as SimRecord;

    expect(causeOf(story({ ...came, atMs: look + 400 }, taken, stored))).toBe(cause);
  });

  it("is excused where the network had delivered the request twice", () => {
    const twice = { ...alarm, askedAtMs: T, attemptId: "a", duplicate: true } as SimRecord;

    expect(causeOf(story().map((record) => (record === alarm ? twice : record)))).toBe("duplicated");
  });
});

describe("an error that consumed the refresh token (X41)", () => {
  const consumed = (asClass: "P3" | "P6"): SimRecord =>
    judged({
      atMs: T + 100,
      askedAtMs: T,
      verdict: "consumed",
      asClass,
      graceMs: asClass === "P3" ? 30_000 : 0,
    });
  const ask: SimRecord = {
    kind: "call",
    atMs: T + 12_000,
    process: "s1.1",
    call: 7,
    grant: GRANT,
    door: "get",
    maxWaitMs: 5_000,
    lostMs: 0,
  };
  const records = (asClass: "P3" | "P6"): readonly SimRecord[] => {
    const policy = { class: asClass === "P3" ? "grace" : "strict", graceMs: asClass === "P3" ? 30_000 : 0 };
    const first = { ...send("s0.1", "a", T), policy } as SimRecord;
    const last = { ...alarm, asClass, graceMs: policy.graceMs } as SimRecord;
    return [
      inserted,
      first,
      consumed(asClass),
      ask,
      { ...send("s1.1", "b", T + 55_000), policy } as SimRecord,
      last,
      told,
    ];
  };

  it("excuses the loss at a strict server", () => {
    expect(causeOf(records("P6"))).toBe("consumed");
  });

  it("excuses nothing where the window would still have helped somebody who asked", () => {
    expect(causeOf(records("P3"))).toBeUndefined();
  });

  it("excuses the loss where the sender was told that its request was refused, which the network had doubled", () => {
    const refused = answer({ atMs: T + 200, outcome: "config", code: "invalid_client", refreshToken: "" });
    const history = records("P3").flatMap((record) => (record === ask ? [refused, record] : [record]));

    expect(causeOf(history)).toBe("consumed");
  });

  it.each([
    ["excuses the loss where the store's clock was set back behind the first request", -600_000, "consumed"],
    ["excuses the loss where the store's clock was set forward past the window", 600_000, "consumed"],
    ["excuses nothing where the window was open all the same", -3_000, undefined],
  ])("%s before somebody asked (X21)", (_, jumpMs, cause) => {
    const jumped: SimRecord = { kind: "fault", atMs: T + 7_900, id: "X21", what: "store_clock" };
    const read = store({ atMs: T + 12_000, operation: "read", storeNowMs: T + 12_000 + jumpMs });
    const told = records("P3").flatMap((record) => (record === ask ? [jumped, record, read] : [record]));

    expect(causeOf(told)).toBe(cause);
  });
});

describe("a stored refresh token that was refused, after the one before it had been sent twice", () => {
  const first = { ...rotated, asClass: "P4", graceMs: 30_000 } as SimRecord;
  const stored = { ...committed, atMs: T + 300 } as SimRecord;
  const twice = (changes: Partial<Extract<SimRecord, { kind: "judged" }>>): SimRecord =>
    judged({ atMs: T + 5_100, verdict: "again", asClass: "P4", graceMs: 30_000, issued, ...changes });
  const delivered = { askedAtMs: T, duplicate: true } as const;
  const fatal = (changes: Partial<Extract<SimRecord, { kind: "judged" }>>): SimRecord =>
    judged({ atMs: T + 55_000, attemptId: "c", refreshToken: RT2, verdict: "refused", ...changes });
  const histories = (...records: readonly SimRecord[]): readonly SimRecord[] => [
    inserted,
    send("s0.1", "a", T),
    first,
    came,
    stored,
    ...records,
    lost({ atMs: T + 55_100, row: [RT2] }),
  ];

  it("was not killed by that where an error consumed it later: it was alive until then (X41)", () => {
    const again = twice({ ...delivered, asClass: "P2" });
    const consumed = judged({ atMs: T + 50_000, attemptId: "b", refreshToken: RT2, verdict: "consumed" });

    expect(causeOf(histories(again, consumed, fatal({ verdict: "alarm" })))).toBe("consumed");
  });

  it("was killed by it where the last one wins: avoidable if that was sent when it was stored already (P4)", () => {
    const late = {
      attemptId: "b",
      askedAtMs: T + 5_000,
      issued: { refreshToken: "rt-3", accessToken: "at-3" },
    };

    expect(causeOf(histories(twice(late), fatal({ asClass: "P4" })))).toBeUndefined();
  });

  describe("where the last one wins, and whoever sent that got no answer (P4)", () => {
    const rotation = { class: "last_wins", graceMs: 30_000 } as const;
    const heirs = { ...intent, attemptId: "b" };
    const overtaken = (endMs: number, ...records: readonly SimRecord[]): readonly SimRecord[] => [
      inserted,
      { ...send("s0.1", "a", T), policy: rotation } as SimRecord,
      first,
      came,
      store({
        operation: "acquireLease",
        answer: "acquired",
        attemptId: "b",
        after: row({ lease, intent: heirs }),
      }),
      twice({
        attemptId: "b",
        atMs: T + 250,
        askedAtMs: T + 210,
        issued: { refreshToken: "rt-3", accessToken: "at-3" },
      }),
      stored,
      ...records,
      fatal({ atMs: T + endMs, asClass: "P4" }),
      lost({ atMs: T + endMs + 100, row: [RT2], ended: undefined }),
    ];

    it("is avoidable while the one before still helps, which the process that stored it has not kept", () => {
      expect(causeOf(overtaken(10_000))).toBeUndefined();
      expect(causeOf(overtaken(10_000, storeFailed(T + 400)))).toBeUndefined();
    });

    it("is excused where that process died or stood still, and when the window was over", () => {
      expect(causeOf(overtaken(10_000, gone("s0.1", T + 400)))).toBe("late_winner");
      expect(causeOf(overtaken(10_000, paused("s0.1", T + 400, T + 20_000)))).toBe("late_winner");
      expect(causeOf(overtaken(10_000, gone("s1.1", T + 400)))).toBeUndefined();
      expect(causeOf(overtaken(29_000))).toBe("late_winner");
    });
  });

  it.each([
    ["P4", "of its killing, whatever the server was changed to since (X43)", delivered],
    ["P0", "of the refusal, if nothing had killed it", { ...delivered, asClass: "P3" }],
  ] as const)("counts as lost at a server of the class %s: that %s", (asClass, _, changes) => {
    const { unavoidable, avoidable } = accountOf(
      histories(twice(changes), fatal({ asClass: "P0" })),
      probe(),
    );

    expect([...unavoidable, ...avoidable].map((loss) => loss.asClass)).toEqual([asClass]);
  });
});

describe("a refresh token that was used before the server was changed (X43)", () => {
  it.each([
    ["P6", "P1", "the later use spent it"],
    ["P3", "P3", "the earlier one had spent it"],
  ] as const)("was lost at a server of the class %s if that was %s before: %s", (asClass, before, _) => {
    const earlier = { ...rotated, asClass: before } as SimRecord;
    const later = judged({
      ...{ atMs: T + 20_000, attemptId: "c" },
      issued: { refreshToken: "rt-3", accessToken: "at-3" },
    });
    const records = story(later).map((record) => (record === rotated ? earlier : record));

    expect(accountOf(records, probe()).unavoidable.map((loss) => loss.asClass)).toEqual([asClass]);
  });
});

describe("a grant that was ended although its refresh token was good", () => {
  it("is avoidable, and by the server's own word not dead", () => {
    const records = [inserted, lost({ good: [RT1], ended: undefined })];

    expect(causeOf(records)).toBeUndefined();
    expect(unreachableGrants(records)).toBe(0);
    expect(unreachableGrants(story())).toBe(1);
  });
});
