/** Simulated time: a run that goes on for long is not one that goes round in circles. */
import { describe, expect, it } from "vitest";

import { Timeline } from "../../simulation/timeline.ts";

const HOUR_MS = 3_600_000;

function eachMs(timeline: Timeline, gapMs: number): void {
  const again = (): void => void timeline.after(gapMs, again);
  again();
}

describe("the simulated time", () => {
  it("lets as much happen as hours with many tabs take", { timeout: 60_000 }, async () => {
    const timeline = new Timeline();
    eachMs(timeline, 50);

    await timeline.runUntil(timeline.nowMs + 6 * HOUR_MS);

    expect(timeline.happened).toBe((6 * HOUR_MS) / 50);
  });

  it.each([0, 1])("notices a loop whose turns take %i ms", { timeout: 60_000 }, async (gapMs) => {
    const timeline = new Timeline();
    eachMs(timeline, gapMs);

    await expect(timeline.runUntil(timeline.nowMs + HOUR_MS)).rejects.toThrow("a loop");
  });
});
