import { describe, expect, it } from "vitest";

import { newGrant } from "../../src/testing/grant-store-contract/fixtures.ts";
import {
  registerModel,
  RegisterRecorder,
  type Register,
  type RegisterAnswer,
  type RegisterCall,
} from "../../src/testing/grant-store-contract/grant-register.ts";
import { isLinearizable, type Operation } from "../../src/testing/linearizability.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { contextOf } from "../stores/fixtures.ts";

type Step = Operation<RegisterCall, RegisterAnswer>;

const model = registerModel("S1");
const START: Register = { version: 1, fence: 0, sealedTokenSet: "S1", holder: null, isEnded: false };
const COMMITTED: Register = { ...START, version: 2, sealedTokenSet: "S2" };

const step = (span: readonly [number, number], call: RegisterCall, won: boolean, shown?: Register): Step => ({
  call,
  calledAt: span[0],
  answeredAt: span[1],
  answer: { won, shown },
});
const lost = (calledAt: number, call: RegisterCall): Step => ({
  call,
  calledAt,
  answeredAt: Infinity,
  answer: undefined,
});
const read = (span: readonly [number, number], shown: Register): Step =>
  step(span, { kind: "read" }, true, shown);
const commitCall = (sealedTokenSet: string, expectedVersion = 1): RegisterCall => ({
  kind: "commit",
  expectedVersion,
  sealedTokenSet,
});
const acquireCall = (holder: string, isShort = false): RegisterCall => ({
  kind: "acquireLease",
  holder,
  isShort,
});
const ENDED: Register = { ...START, isEnded: true };
const HELD: Register = { ...START, fence: 1, holder: "a" };

const POSSIBLE: readonly (readonly [string, readonly Step[]])[] = [
  ["nothing", []],
  ["one call after the other", [read([0, 1], START), step([2, 3], commitCall("S2"), true, COMMITTED)]],
  [
    "a read beside a commit that saw it already, and one that did not yet",
    [step([0, 9], commitCall("S2"), true, COMMITTED), read([1, 2], START), read([3, 4], COMMITTED)],
  ],
  [
    "two commits of one version, of which the later call won",
    [step([0, 9], commitCall("S3"), false, COMMITTED), step([1, 8], commitCall("S2"), true, COMMITTED)],
  ],
  [
    "a commit without an answer that took effect later",
    [lost(0, commitCall("S2")), read([1, 2], START), read([3, 4], COMMITTED)],
  ],
  ["a commit without an answer that never took effect", [lost(0, commitCall("S2")), read([1, 2], START)]],
  [
    "a lease that went from hand to hand",
    [
      step([0, 1], acquireCall("a"), true, { ...START, fence: 1, holder: "a" }),
      step([2, 3], acquireCall("b"), false, { ...START, fence: 1, holder: "a" }),
      step([4, 5], { kind: "releaseLease", holder: "a", fence: 1 }, true),
      step([6, 7], acquireCall("b"), true, { ...START, fence: 2, holder: "b" }),
    ],
  ],
  [
    "an end that shows the row before it, and a commit without an answer that came too late",
    [lost(0, commitCall("S2")), step([1, 2], { kind: "end" }, true, START), read([3, 4], ENDED)],
  ],
  [
    "a short lease that ran out, and one that did not",
    [
      step([0, 1], acquireCall("a", true), true, HELD),
      step([2, 3], acquireCall("b"), false, HELD),
      step([4, 5], acquireCall("b"), true, { ...START, fence: 2, holder: "b" }),
    ],
  ],
];

const IMPOSSIBLE: readonly (readonly [string, readonly Step[]])[] = [
  [
    "a read that missed a commit which was answered before",
    [step([0, 1], commitCall("S2"), true, COMMITTED), read([2, 3], START)],
  ],
  [
    "a read that went back behind another one",
    [step([0, 9], commitCall("S2"), true, COMMITTED), read([1, 2], COMMITTED), read([3, 4], START)],
  ],
  [
    "two commits of one version that both won",
    [
      step([0, 9], commitCall("S2"), true, COMMITTED),
      step([1, 8], commitCall("S3"), true, { ...COMMITTED, sealedTokenSet: "S3" }),
    ],
  ],
  [
    "one fence given twice",
    [
      step([0, 1], acquireCall("a"), true, { ...START, fence: 1, holder: "a" }),
      step([2, 3], { kind: "releaseLease", holder: "a", fence: 1 }, true),
      step([4, 5], acquireCall("b"), true, { ...START, fence: 1, holder: "b" }),
    ],
  ],
  [
    "a lease with two holders",
    [
      step([0, 9], acquireCall("a"), true, { ...START, fence: 1, holder: "a" }),
      step([1, 8], acquireCall("b"), true, { ...START, fence: 2, holder: "b" }),
    ],
  ],
  [
    "a release of a lease that another has",
    [
      step([0, 1], acquireCall("a"), true, { ...START, fence: 1, holder: "a" }),
      step([2, 3], { kind: "releaseLease", holder: "b", fence: 1 }, true),
    ],
  ],
  [
    "a commit upon an ended grant",
    [
      step([0, 1], { kind: "end" }, true, START),
      step([2, 3], commitCall("S2"), true, { ...COMMITTED, isEnded: true }),
    ],
  ],
  ["two ends", [step([0, 9], { kind: "end" }, true, START), step([1, 8], { kind: "end" }, true, START)]],
  ["an end that shows a commit which was never made", [step([0, 1], { kind: "end" }, true, COMMITTED)]],
  [
    "a lease that was taken although it was renewed",
    [
      step([0, 1], acquireCall("a", true), true, HELD),
      step([2, 3], { kind: "renewLease", holder: "a", fence: 1 }, true),
      step([4, 5], acquireCall("b"), true, { ...START, fence: 2, holder: "b" }),
    ],
  ],
  [
    "a token set that nobody wrote",
    [step([0, 1], commitCall("S2"), true, COMMITTED), read([2, 3], { ...COMMITTED, sealedTokenSet: "?" })],
  ],
  ["a commit that lost to nobody", [step([0, 1], commitCall("S2"), false, START)]],
  [
    "a commit without an answer that took effect before it was called",
    [read([0, 1], COMMITTED), lost(2, commitCall("S2"))],
  ],
  [
    "a commit without an answer that came and went",
    [lost(0, commitCall("S2")), read([1, 2], COMMITTED), read([3, 4], START)],
  ],
];

describe("the linearizability checker", () => {
  it.each(POSSIBLE)("finds an order for %s", (_name, history) => {
    expect(isLinearizable(history, model)).toBe(true);
  });

  it.each(IMPOSSIBLE)("finds no order for %s", (_name, history) => {
    expect(isLinearizable(history, model)).toBe(false);
  });

  it("does not care in which order a history was written down", () => {
    for (const [, history] of POSSIBLE) expect(isLinearizable(history.toReversed(), model)).toBe(true);
    for (const [, history] of IMPOSSIBLE) expect(isLinearizable(history.toReversed(), model)).toBe(false);
  });

  it("tells a history of 200 reads and commits with five callers at once from one with a single stale read", () => {
    const history: Step[] = [];
    let shown = START;
    for (let turn = 0; turn < 100; turn++) {
      const calledAt = turn * 10;
      const sealedTokenSet = `T${turn}`;
      const before = shown;
      shown = { ...shown, version: shown.version + 1, sealedTokenSet };
      history.push(step([calledAt, calledAt + 40], commitCall(sealedTokenSet, before.version), true, shown));
      history.push(read([calledAt + 1, calledAt + 9], before));
    }
    expect(isLinearizable(history, model)).toBe(true);

    const last = history.length - 1;
    history[last] = { ...history[last]!, calledAt: 5_000, answeredAt: 5_001 };

    expect(isLinearizable(history, model)).toBe(false);
  });

  it("gives up, and says so, where a history leaves too many orders open", () => {
    const many = Array.from({ length: 6 }, (_, index) => lost(index, commitCall(`S${index}`, index + 1)));
    const history = [...many, read([50, 51], { ...START, version: 99 })];

    expect(() => isLinearizable(history, model, 5)).toThrow(/too long/);
    expect(isLinearizable(history, model)).toBe(false);
  });
});

describe("the recorder", () => {
  it("writes down two users' calls as they were answered, and a failure as an unknown outcome", async () => {
    const clock = new FakeClock();
    const store = memoryStore({ clock });
    const context = contextOf(store, clock);
    for (const grant of [newGrant(context), newGrant(context)]) {
      await store.insert(grant);
      const failing = { ...store, read: () => Promise.reject(new Error("away")) };
      const recorder = new RegisterRecorder(grant.id);

      await recorder.call(failing, acquireCall("a"));
      await recorder.call(failing, commitCall("S2"));
      await recorder.call(failing, { kind: "read" });

      expect(recorder.history.map(({ answer }) => answer?.shown?.version)).toEqual([1, 2, undefined]);
      expect(recorder.history.map(({ answeredAt }) => answeredAt)).toEqual([1, 3, Infinity]);
      expect(isLinearizable(recorder.history, registerModel(grant.sealedTokenSet))).toBe(true);
      expect(isLinearizable(recorder.history, registerModel("another"))).toBe(false);
    }
  });
});
