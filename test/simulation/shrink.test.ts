/** A failing run is made smaller, is kept as it is then, and can be run again by one command. */
import { describe, expect, it } from "vitest";

import { corpusText, parseCorpus } from "../../simulation/corpus.ts";
import type { Effect } from "../../simulation/fault-types.ts";
import { planOf, type Plan } from "../../simulation/plan.ts";
import { replayCommand, reportOf } from "../../simulation/report.ts";
import { runPlan, type RunResult } from "../../simulation/run.ts";
import { demand, storyOf } from "../../simulation/scenario.ts";
import { partOf, shrink } from "../../simulation/shrink.ts";
import { addRun, emptySummary } from "../../simulation/summary.ts";

const RULE = "I0 no grant is ever lost";
const lostAnswer: Effect = {
  type: "hook",
  point: "refresh/arrive",
  skip: 0,
  action: { do: "answer", answer: "reset_after" },
};
const slow: Effect = { type: "as_slow", upToMs: 300 };
/** A strict server whose answer gets lost, and two faults that have nothing to do with it. */
const PLAN = storyOf({ asClass: "P6" }, demand(41_000, 75_000, 3_000, [0, 1, 2]), [
  { id: "X36", effect: slow, durationMs: 500 },
  { id: "X38", effect: lostAnswer, grant: 0 },
  { id: "X24", effect: { type: "store_slow", upToMs: 5 }, durationMs: 500 },
]);

/** The real engine under a rule that no engine can keep. */
async function run(plan: Plan): Promise<RunResult> {
  const result = await runPlan(plan);
  const lost = result.records.findIndex(({ kind }) => kind === "lost");
  const atMs = result.records[lost]?.atMs ?? 0;
  const violation = { checker: RULE, message: "one was lost", atMs, records: lost + 1 };
  return { ...result, violation: lost < 0 ? undefined : violation };
}

describe("shrinking", () => {
  it("leaves the one fault that matters, few of the steps, and the same rule broken", async () => {
    const { kept, result } = await shrink(PLAN, RULE, run);

    expect(kept.faults).toEqual([1]);
    expect(kept.steps.length).toBeLessThanOrEqual(2);
    expect(kept.servers).toBeLessThan(3);
    expect(result.violation?.checker).toBe(RULE);
    expect((await run(partOf(PLAN, kept))).hash).toBe(result.hash);
  });

  it("prints a command that names the seed, its mode and what is kept", async () => {
    const { kept, result } = await shrink(PLAN, RULE, run);
    const command = replayCommand(result, kept);
    const [, keep = ""] = /--keep '(.*)'$/.exec(command) ?? [];

    expect(command).toContain("node simulation/main.ts --seed 1 --seeds 1 --mode safety --keep");
    expect(JSON.parse(keep)).toEqual(kept);
    expect(reportOf(result, kept)).toContain(command);
  });

  it("is not needed to see how a failing seed runs again: its failure says so", async () => {
    const summary = emptySummary();
    addRun(summary, await run(PLAN));

    expect(summary.failures[0]?.replay).toBe("node simulation/main.ts --seed 1 --seeds 1 --mode safety");
  });
});

describe("the corpus", () => {
  it("keeps the whole plan, without the generator, and gives back the same", () => {
    const endless = { ...PLAN.faults[0]!, durationMs: Infinity };
    const entries = [
      { broke: "I1", plan: planOf(7, "liveness") },
      { broke: "I2", plan: { ...PLAN, faults: [endless] } },
    ];

    expect(parseCorpus(corpusText(entries))).toEqual(entries);
  });
});
