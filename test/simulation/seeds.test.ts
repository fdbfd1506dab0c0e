/** The fixed set of seeds, the seeds that failed once, and the proof that a seed is all that a run depends on. */
import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";

import { readCorpus } from "../../simulation/corpus.ts";
import { runPlan, runSeed } from "../../simulation/run.ts";
import { neverSeen } from "../../simulation/summary.ts";
import { modeOf, summariseInChildren } from "../../simulation/work.ts";

const SEEDS = 800;
const work = { every: 1, mode: "both", maxFailures: 5 } as const;

describe("the simulation", () => {
  it("breaks no rule at a seed that failed once", { timeout: 120_000 }, async () => {
    const broken = [];
    for (const [index, { plan, broke }] of readCorpus().entries()) {
      const { violation } = await runPlan(plan);
      const replay = `node simulation/main.ts --corpus ${index + 1}`;
      if (violation !== undefined) broken.push({ broke, ...violation, replay });
    }

    expect(broken).toEqual([]);
  });

  it(
    `breaks no rule in ${SEEDS} seeds (I1-I12, I14-I18, I20-I22), and reaches every state that it has to`,
    { timeout: 600_000 },
    async () => {
      const summary = await summariseInChildren(
        { ...work, from: 1, to: SEEDS + 1 },
        Math.min(2, availableParallelism()),
      );

      expect(summary.failures).toEqual([]);
      expect(summary.seeds).toBe(SEEDS);
      expect(summary.lost).toBe(summary.oracle);
      // By the authorization server's word alone: what was told as lost was dead, and nothing else.
      expect(summary.lost).toBe(summary.unreachable);
      // At servers that give a second chance (P0-P4) only what makes it impossible to keep a grant may cost one.
      expect(summary.unexplained).toEqual([]);
      expect(neverSeen(summary)).toEqual([]);
    },
  );

  it(
    "does the same twice with the same seed, and something else with another",
    { timeout: 60_000 },
    async () => {
      const seeds = Array.from({ length: 25 }, (_, index) => 40_001 + index * 7);
      const hashes = new Set<number>();
      for (const seed of seeds) {
        const first = await runSeed(seed, modeOf(seed, "both"));
        const again = await runSeed(seed, modeOf(seed, "both"));

        expect([seed, again.hash, again.records.length]).toEqual([seed, first.hash, first.records.length]);
        hashes.add(first.hash);
      }

      expect(hashes.size).toBe(seeds.length);
    },
  );
});
