/** The browser world: a fixed set of seeds, the faults that they reach, and the proof that a seed is all that a run depends on. */
import { describe, expect, it } from "vitest";

import { readBrowserCorpus } from "../../simulation/browser/corpus.ts";
import { browserPlanOf } from "../../simulation/browser/plan.ts";
import { runBrowserPlan, runBrowserSeed } from "../../simulation/browser/run.ts";
import {
  browserPartOf,
  browserReplay,
  shrinkBrowsers,
  statesNeverSeen,
  summariseBrowsers,
} from "../../simulation/browser/summary.ts";
import { modeOf } from "../../simulation/work.ts";

const SEEDS = 500;

describe("the simulated browsers", () => {
  it("break no rule at a seed that failed once", { timeout: 120_000 }, async () => {
    const broken = [];
    for (const [index, { plan, broke }] of readBrowserCorpus().entries()) {
      const { violation } = await runBrowserPlan(plan);
      const replay = `node simulation/main.ts --world browser --corpus ${index + 1}`;
      if (violation !== undefined) broken.push({ broke, ...violation, replay });
    }

    expect(broken).toEqual([]);
  });

  it(
    `break no rule in ${SEEDS} seeds (I13, I17, I19, SEC-06), and reach every state and every fault (X54-X60, X63)`,
    { timeout: 300_000 },
    async () => {
      const summary = await summariseBrowsers({
        from: 1,
        to: SEEDS + 1,
        every: 1,
        mode: "both",
        maxFailures: 5,
      });

      expect(summary.failures).toEqual([]);
      expect(summary.seeds).toBe(SEEDS);
      expect(statesNeverSeen(summary)).toEqual([]);
      expect(Object.keys(summary.faults)).toEqual(
        expect.arrayContaining(["X54", "X55", "X56", "X57", "X58", "X59", "X60", "X61", "X63"]),
      );
    },
  );

  it(
    "do the same twice with the same seed, and something else with another",
    { timeout: 60_000 },
    async () => {
      const hashes = new Set<number>();
      for (const seed of [11, 202, 3_003, 4_004, 5_007]) {
        const first = await runBrowserSeed(seed, modeOf(seed, "both"));
        const again = await runBrowserSeed(seed, modeOf(seed, "both"));

        expect([seed, again.hash, again.records.length]).toEqual([seed, first.hash, first.records.length]);
        hashes.add(first.hash);
      }

      expect(hashes.size).toBe(5);
    },
  );

  it("have two users at least in every plan (I8)", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const { options, steps } = browserPlanOf(seed, modeOf(seed, "both"));
      const others = steps.filter(({ deed }) => deed.do === "sign_in" && deed.user !== "alice");

      if (options.profile === "faulty") expect(options.browsers.length + others.length).toBeGreaterThan(1);
    }
  });

  it("ask in the moment in which a page opens, where nothing else happens", async () => {
    const plan = browserPlanOf(6_628, "safety");
    expect(plan.options.profile).toBe("calm");

    const { records } = await runBrowserPlan(plan);

    const opened = records.filter((record) => record.kind === "tab" && record.what === "opened");
    const first = records.filter((record) => record.kind === "ask" && record.reason === "mount");
    const momentsOf = (list: typeof records) =>
      list.map((record) => "tab" in record && [record.tab, record.atMs]);
    expect(opened.length).toBeGreaterThan(plan.options.browsers[0]!.tabs);
    expect(momentsOf(first)).toEqual(momentsOf(opened));
  });

  it("leave the global fetch as it was", async () => {
    const { fetch } = globalThis;
    await runBrowserSeed(1, "safety");

    expect(globalThis.fetch).toBe(fetch);
  });
});

describe("a failing run of the browser world", () => {
  it("is made smaller for as long as it breaks the same rule, and replays as what is left", async () => {
    const plan = browserPlanOf(4, "safety");
    const wanted = plan.steps.findIndex(({ deed }) => deed.do === "freeze");
    expect(wanted).toBeGreaterThan(-1);
    const { kept, result } = await shrinkBrowsers(plan, "I19 invented", async (part) => {
      const ran = await runBrowserPlan(part);
      const isBroken = part.steps.some(({ deed }) => deed === plan.steps[wanted]?.deed);
      const { atMs } = ran.records[0]!;
      return isBroken
        ? { ...ran, violation: { checker: "I19 invented", message: "", atMs, records: 1 } }
        : ran;
    });

    expect(kept).toEqual({ steps: [wanted], faults: [] });
    expect(browserReplay(plan, kept)).toContain(
      `--world browser --seed 4 --seeds 1 --mode safety --keep '{"steps"`,
    );
    expect((await runBrowserPlan(browserPartOf(plan, kept))).hash).toBe(result.hash);
  });
});
