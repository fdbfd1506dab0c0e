import { describe, expect, it } from "vitest";
import { waitForTurnMs } from "../../src/client/turns.ts";
import { after, signedIn } from "./signed-in.ts";

describe("how long a tab waits for its turn", () => {
  const state = { ...signedIn, askInMs: 46_000, spareMs: 14_000 };
  const waitMs = (atMs: number, draw: number): number => waitForTurnMs(state, after(atMs), 15_000, draw);

  it("is half of what the token has left, a second at least and a request's time at most", () => {
    expect([0, 46_000, 50_000, 59_000, 59_999].map((atMs) => waitMs(atMs, 0.5))).toEqual([
      15_000, 7_000, 5_000, 1_000, 1_000,
    ]);
  });

  it("is 4 to 8 s by chance once the token is over: twenty tabs do not all give up in one moment (F14, I19)", () => {
    expect([0, 0.5, 1].map((draw) => waitMs(60_000, draw))).toEqual([4_000, 6_000, 8_000]);
    const draws = Array.from({ length: 20 }, (_, tab) => tab / 20);
    expect(new Set(draws.map((draw) => waitMs(3_600_000, draw))).size).toBe(20);
  });
});
