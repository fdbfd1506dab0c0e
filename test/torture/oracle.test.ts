/** The judges of the torture run: what excuses a lost session, an overlap, a second request of a round, and what does not. */
import { describe, expect, it } from "vitest";

import type { Rotation } from "../../torture/authorization-server.ts";
import { createDealer } from "../../torture/blows.ts";
import { KILL_POINTS } from "../../torture/crash-points.ts";
import { judgeRound } from "../../torture/leases.ts";
import { unavoidablyLost, type Evidence, type LossCause } from "../../torture/oracle.ts";
import { unexplained } from "../../torture/overlaps.ts";
import type { LeaseNews } from "../../torture/telling-store.ts";
import type { WorkerEntry, WorkerLine } from "../../torture/worker-log.ts";
import { deterministicRandom } from "../../src/testing/random.ts";

const PID = 7;
const SEND = "7/1";

function rotation(change: Partial<Rotation> = {}): Rotation {
  const base = { chain: "alice", spent: "R1", issued: "R2", pid: PID, send: SEND, atMs: 1_000 };
  return { ...base, sentAtMs: 900, writtenAtMs: 1_005, ...change };
}

function at(atMs: number, entry: WorkerEntry): WorkerLine {
  return { ...entry, pid: PID, atMs };
}

/** What the oracle says of alice's chain, beside which bob's is well. */
function causeFor(evidence: Partial<Evidence>): LossCause | undefined {
  const bob = rotation({ chain: "bob", spent: "S1", issued: "S2", send: "9/1", pid: 9 });
  const lost = unavoidablyLost({
    rotations: [rotation(), bob],
    kills: [],
    log: [],
    deadlineMs: 10_000,
    ...evidence,
    durable: new Set([...(evidence.durable ?? []), "S2"]),
  });
  expect(lost.has("bob")).toBe(false);
  return lost.get("alice");
}

const killed = (atMs: number): Pick<Evidence, "kills"> => ({ kills: [{ pid: PID, atMs }] });
const ARRIVED = at(1_010, { type: "arrived", send: SEND, issued: "R2" });

describe("a strict server's answer that was not stored (I21)", () => {
  it("is excused where the gate kept it from everybody", () => {
    expect(causeFor({ rotations: [rotation({ writtenAtMs: undefined })] })).toBe("cut");
  });

  it("is not excused where nobody was killed: a SIGTERM, or a process that no longer waits", () => {
    expect(causeFor({})).toBeUndefined();
    expect(causeFor({ log: [at(1_005, { type: "gave_up", send: SEND })] })).toBeUndefined();
  });

  it("is excused where it came after the deadline of its request, and not where it came in time (X37)", () => {
    const log = [at(10_900, { type: "gave_up", send: SEND })];

    expect(causeFor({ rotations: [rotation({ writtenAtMs: 10_800 })], log })).toBe("late");
    expect(causeFor({ rotations: [rotation({ writtenAtMs: 9_000 })], log })).toBeUndefined();
    expect(causeFor({ rotations: [rotation({ writtenAtMs: 10_800 })] })).toBeUndefined();
  });

  it("is excused by a kill of the process that still waited for it, and of no other", () => {
    expect(causeFor(killed(1_200))).toBe("killed_waiting");
    expect(causeFor({ kills: [{ pid: 8, atMs: 1_200 }] })).toBeUndefined();
  });

  it("is not excused by a kill after the process had given the request up", () => {
    expect(causeFor({ ...killed(1_200), log: [at(1_100, { type: "gave_up", send: SEND })] })).toBeUndefined();
    expect(causeFor({ ...killed(1_200), log: [at(900, { type: "gave_up", send: "7/0" })] })).toBe(
      "killed_waiting",
    );
  });

  it("is excused by a kill right after it arrived, and not by one while the process did nothing about it", () => {
    expect(causeFor({ ...killed(1_012), log: [ARRIVED] })).toBe("killed_storing");
    expect(causeFor({ ...killed(3_000), log: [ARRIVED] })).toBeUndefined();
  });

  it("is excused by a kill while the store was being asked again and again", () => {
    const log = [
      ARRIVED,
      at(1_020, { type: "offered", issued: "R2" }),
      at(4_000, { type: "refused", issued: "R2" }),
    ];

    expect(causeFor({ ...killed(5_000), log })).toBe("killed_storing");
    expect(causeFor({ ...killed(9_000), log })).toBeUndefined();
  });

  it("is not excused by anything once the store had acknowledged it, or it was seen there (X7, X8)", () => {
    const stored = at(1_020, { type: "stored", issued: "R2" });

    expect(causeFor({ ...killed(1_021), log: [ARRIVED, stored] })).toBeUndefined();
    expect(causeFor({ ...killed(1_021), log: [ARRIVED], durable: new Set(["R2"]) })).toBeUndefined();
  });

  it("counts only while it is the newest of its chain", () => {
    const rotations = [rotation({ writtenAtMs: undefined }), rotation({ spent: "R2", issued: "R3" })];

    expect(causeFor({ rotations, durable: new Set(["R3"]) })).toBeUndefined();
  });
});

describe("two refresh requests that were out at once (I1)", () => {
  const overlap = {
    chain: "alice",
    first: { pid: 7, atMs: 1_000, attemptId: "a" },
    second: { pid: 8, atMs: 6_000, attemptId: "b" },
  };
  const news = (what: LeaseNews["what"], attemptId: string, atMs: number, untilMs: number): LeaseNews => ({
    ...{ what, attemptId, atMs, untilMs },
    ...{ id: "g", fence: attemptId === "a" ? 1 : 2 },
  });

  it("are explained by a blow to the first process meanwhile, and by none to another or before", () => {
    expect(unexplained([overlap], [{ pid: 7, atMs: 1_500 }], [])).toEqual([]);
    expect(unexplained([overlap], [{ pid: 7, atMs: 500 }], [])).toEqual([overlap]);
    expect(unexplained([overlap], [{ pid: 8, atMs: 1_500 }], [])).toEqual([overlap]);
  });

  it("are explained by a first lease that had run out by the store's clock, and not by one that was renewed", () => {
    const taken = [news("taken", "a", 900, 4_900), news("taken", "b", 5_000, 9_000)];
    expect(unexplained([overlap], [], taken)).toEqual([]);
    expect(unexplained([overlap], [], [...taken, news("renewed", "a", 1_900, 5_900)])).toEqual([overlap]);
    const lost = news("renewed", "a", 0, Number.MAX_SAFE_INTEGER);
    expect(unexplained([overlap], [], [...taken, lost]), "a renewal whose end is not known").toEqual([
      overlap,
    ]);
    expect(unexplained([overlap], [], taken.slice(0, 1))).toEqual([overlap]);
  });
});

describe("a round of the herd (I1, X66)", () => {
  const news = (what: LeaseNews["what"], attemptId: string, atMs: number, untilMs: number): LeaseNews => ({
    ...{ what, attemptId, atMs, untilMs },
    ...{ id: "alice", fence: attemptId === "a" ? 1 : 2 },
  });
  const [a, b] = [{ attemptId: "a" }, { attemptId: "b" }];
  const taken = news("taken", "a", 0, 4_000);

  it("has one request, whatever leases were taken", () => {
    expect(judgeRound([a], [taken, news("taken", "b", 10, 4_010)])).toBe("one");
    expect(judgeRound([], [taken])).toBe("neither");
  });

  it("has one more where the first lease had run out by the store's clock", () => {
    expect(judgeRound([a, b], [taken, news("taken", "b", 4_000, 8_000)])).toBe("excused");
    expect(judgeRound([a, b], [taken, news("taken", "b", 3_999, 7_999)])).toBe("neither");
  });

  it("has no more where that lease was renewed or given back", () => {
    const second = news("taken", "b", 5_000, 9_000);

    expect(judgeRound([a, b], [taken, news("renewed", "a", 2_000, 6_000), second])).toBe("neither");
    expect(judgeRound([a, b], [taken, news("released", "a", 3_000, 4_000), second])).toBe("neither");
  });

  it("excuses each request by itself: a third one, and a second one of the same attempt, are not", () => {
    const both = [taken, news("taken", "b", 5_000, 9_000)];

    expect(judgeRound([a, b, { attemptId: "c" }], both)).toBe("neither");
    expect(judgeRound([a, a], both)).toBe("neither");
  });
});

describe("the dealer of strikes", () => {
  it("deals each crash point before any comes again, from the one that it is told to begin with", () => {
    const dealer = createDealer(deterministicRandom(1), 3);
    const points: string[] = [];
    while (points.length < KILL_POINTS.length) {
      const strike = dealer.next();
      if (strike.kind !== "sigterm" && strike.blow === "kill") points.push(strike.point);
    }

    expect(points[0]).toBe("X4");
    expect(points.toSorted()).toEqual(KILL_POINTS.toSorted());
  });
});
