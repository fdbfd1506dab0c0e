import { describe, expect, it } from "vitest";
import { isDenied, isEmpty, isNothing, noteAnswer } from "../../src/adapter/app-answer.ts";

describe("what an application's callback answered", () => {
  it.each([
    [null, true, true],
    [undefined, true, true],
    ["", true, true],
    [false, true, true],
    [{}, false, true],
    [{ user: undefined }, false, false],
  ])("%j is no JWT: %s, and an empty session: %s", (answer, nothing, empty) => {
    expect([isNothing(answer), isEmpty(answer)]).toEqual([nothing, empty]);
  });

  it("is kept in mind for one session at a time, until it is another", () => {
    noteAnswer("of-alice", true);
    expect([isDenied("of-alice"), isDenied("of-bob"), isDenied(undefined)]).toEqual([true, false, false]);

    noteAnswer("of-alice", false);
    noteAnswer(undefined, true);
    expect([isDenied("of-alice"), isDenied(undefined)]).toEqual([false, false]);
  });

  it("is kept in mind for the 10,000 sessions that were denied last", () => {
    for (let at = 0; at <= 10_000; at++) noteAnswer(`session-${at}`, true);

    expect([isDenied("session-0"), isDenied("session-1"), isDenied("session-10000")]).toEqual([
      false,
      true,
      true,
    ]);
  });
});
