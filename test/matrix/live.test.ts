/** What counts as trouble in a row of the matrix. */
import { describe, expect, it } from "vitest";

import { troublesOf, type Life } from "./live.ts";
import { turns } from "./turns.ts";

const GOOD: Life = {
  ...{ lifetimes: 3, requests: 400, failed: [], refreshRequests: 12, issued: 12, presentedTwice: 0 },
  tab: { sessions: 6, trouble: [] },
  said: "Ready",
};

describe("the troubles of a row's life", () => {
  it("are none where all is well, with a tab or without one", () => {
    expect(troublesOf(GOOD)).toEqual([]);
    expect(troublesOf({ ...GOOD, tab: undefined })).toEqual([]);
  });

  it.each<[string, Partial<Life>, RegExp]>([
    ["a request that failed", { failed: ["alice at /in-app: 500 "] }, /^alice at \/in-app: 500 $/],
    ["a refresh request without a token", { refreshRequests: 13 }, /^13 refresh requests for 12/],
    ["a refresh token that came twice", { presentedTwice: 1 }, /^1 refresh tokens were presented twice/],
    ["tokens that nobody renewed", { refreshRequests: 5, issued: 5 }, /^only 5 renewals/],
    ["an answer in the tab", { tab: { sessions: 6, trouble: ["500 /x"] } }, /^in the tab: 500 \/x$/],
    ["a tab that went to sleep", { tab: { sessions: 1, trouble: [] } }, /^the tab asked 1 times/],
  ])("tell of %s", (_what, difference, words) => {
    const found = troublesOf({ ...GOOD, ...difference });

    expect(found).toHaveLength(2);
    expect(found[0]).toMatch(words);
    expect(found[1]).toBe("The app said:\nReady");
  });
});

describe("turns", () => {
  it("let so many work at once, the others in their order, also after a failure", async () => {
    const inTurn = turns(2);
    const started: number[] = [];
    const ends: (() => void)[] = [];
    const work = (index: number): Promise<void> =>
      inTurn(async () => {
        started.push(index);
        await new Promise<void>((resolve) => ends.push(resolve));
        if (index === 0) throw new Error("failed");
      });

    const all = Promise.allSettled([0, 1, 2, 3].map(work));
    await Promise.resolve();
    expect(started).toEqual([0, 1]);
    while (ends.length > 0) {
      ends.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }

    expect((await all).map(({ status }) => status)).toEqual([
      "rejected",
      "fulfilled",
      "fulfilled",
      "fulfilled",
    ]);
    expect(started).toEqual([0, 1, 2, 3]);
  });
});
