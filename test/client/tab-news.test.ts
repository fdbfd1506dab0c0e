import { describe, expect, it } from "vitest";
import type { ClientSession } from "../../src/client/session.ts";
import { judgeNews, newsOf } from "../../src/client/tab-news.ts";

const NOW_MS = 1_700_000_000_000;

function sessionOf(name: string): ClientSession {
  return {
    user: { name },
    accessTokenExpires: 1_700_000_060,
    accessTokenExpiresIn: 60,
    tokenState: { status: "fresh", askInMs: 46_000 },
  };
}

describe("another tab's answer", () => {
  const alice = sessionOf("alice");
  const heard = (atMs: number, mine: ClientSession | null = alice): string =>
    judgeNews(newsOf(alice, atMs, 0), mine, 0, NOW_MS);

  it.each([0, 200, -2_000])("that came %i ms from now by its clock is this tab's as well", (aheadMs) => {
    expect(heard(NOW_MS + aheadMs)).toBe("adopt");
  });

  it.each([201, 60_000, -2_001, -86_400_000])(
    "that came %i ms from now by its clock says nothing: somebody set a clock, or slept (I13)",
    (aheadMs) => {
      expect(heard(NOW_MS + aheadMs)).toBe("ignore");
    },
  );

  it("of another user is none of this tab's, nor is any where nobody is signed in (F43)", () => {
    expect([sessionOf("bob"), null].map((mine) => heard(NOW_MS, mine))).toEqual(["ignore", "ignore"]);
  });
});
