/** Every fault that concerns servers is injected somewhere, and a failing run can be made smaller. */
import { describe, expect, it } from "vitest";

import { CATALOGUE } from "../../simulation/fault-catalogue.ts";
import type { FaultId } from "../../simulation/fault-types.ts";
import { planOf } from "../../simulation/plan.ts";
import { runSeed } from "../../simulation/run.ts";
import { allOf, partOf } from "../../simulation/shrink.ts";
import { modeOf } from "../../simulation/work.ts";

/** Those that need a browser: tab killed, frozen or asleep, channels and locks of tabs, React, caches of browsers. */
const OF_BROWSERS = new Set([54, 55, 56, 57, 59, 60, 63]);
const OF_SERVERS = Array.from({ length: 66 }, (_, index) => index + 1).filter(
  (number) => !OF_BROWSERS.has(number),
);

describe("the faults", () => {
  it("are all planned by some seed, each that concerns servers", () => {
    const planned = new Set<FaultId>(CATALOGUE.map(({ id }) => id));
    for (let seed = 1; seed < 400; seed++) {
      const { faults, options } = planOf(seed, modeOf(seed, "both"));
      for (const { id } of faults) planned.add(id);
      if (options.revokesOldAccessToken) planned.add("X45");
      if (options.leavers > 0) planned.add("X53");
    }

    expect(OF_SERVERS.map((number): FaultId => `X${number}`).filter((id) => !planned.has(id))).toEqual([]);
  });

  it("are all reached by some run", { timeout: 300_000 }, async () => {
    const missing = new Set<FaultId>(OF_SERVERS.map((number): FaultId => `X${number}`));
    for (let seed = 60_001; missing.size > 0 && seed < 61_500; seed++) {
      const { faults, options } = planOf(seed, modeOf(seed, "both"));
      const promising =
        faults.some(({ id }) => missing.has(id)) || (options.leavers > 0 && missing.has("X53"));
      if (!promising && !(options.revokesOldAccessToken && missing.has("X45"))) continue;
      for (const id of (await runSeed(seed, options.mode)).injected.keys()) missing.delete(id);
    }

    expect([...missing]).toEqual([]);
  });
});

describe("a part of a plan", () => {
  it("keeps the moments of the steps that are left, and fits fewer servers", () => {
    const plan = planOf(7, "safety");
    const part = partOf(plan, { ...allOf(plan), servers: 1, steps: [3, 10] });
    const atMs = (steps: readonly { readonly gapMs: number }[]) =>
      steps.reduce((sum, { gapMs }) => sum + gapMs, 0);

    expect(part.steps.map(({ deed }) => deed)).toEqual([plan.steps[3]!.deed, plan.steps[10]!.deed]);
    expect(atMs(part.steps)).toBe(atMs(plan.steps.slice(0, 11)));
    expect(part.steps.every(({ server }) => server === 0)).toBe(true);
    expect(part.faults).toHaveLength(plan.faults.length);
  });
});
