/**
 * Makes a failing run smaller: fewer faults, fewer steps, fewer servers, for as long as the same rule is broken.
 *
 * @module
 */
import type { Plan } from "./plan.ts";
import { runPlan, type RunResult } from "./run.ts";

/** What is left of a plan, by index. */
export interface Kept {
  readonly servers: number;
  readonly steps: readonly number[];
  readonly faults: readonly number[];
}

/** How many runs shrinking may cost. */
const MAX_RUNS = 400;

/** Everything of a plan. */
export function allOf(plan: Plan): Kept {
  return {
    servers: plan.options.servers,
    steps: plan.steps.map((_, index) => index),
    faults: plan.faults.map((_, index) => index),
  };
}

/** The part of a plan. The time between two kept steps stays what it was. */
export function partOf(plan: Plan, { servers, steps, faults }: Kept): Plan {
  const kept = new Set(steps);
  const left: Plan["steps"][number][] = [];
  let gapMs = 0;
  for (const [index, step] of plan.steps.entries()) {
    gapMs += step.gapMs;
    if (!kept.has(index)) continue;
    left.push({ ...step, gapMs, server: step.server % servers });
    gapMs = 0;
  }
  return {
    options: { ...plan.options, servers },
    steps: left,
    faults: faults
      .map((index) => plan.faults[index])
      .filter((fault) => fault !== undefined)
      .map((fault) => ({ ...fault, server: fault.server === null ? null : fault.server % servers })),
  };
}

/**
 * The smallest part found that breaks the same rule.
 *
 * @param run Runs a plan. @defaultValue {@link runPlan}
 */
export async function shrink(
  plan: Plan,
  checker: string,
  run: (plan: Plan) => Promise<RunResult> = runPlan,
): Promise<{ readonly kept: Kept; readonly result: RunResult }> {
  let kept = allOf(plan);
  let result = await run(plan);
  let runs = 0;
  const breaks = async (candidate: Kept): Promise<boolean> => {
    if (++runs > MAX_RUNS) return false;
    const tried = await run(partOf(plan, candidate)).catch(() => undefined);
    if (tried?.violation?.checker !== checker) return false;
    kept = candidate;
    result = tried;
    return true;
  };
  const shorten = async (name: "steps" | "faults"): Promise<void> => {
    for (let size = Math.ceil(kept[name].length / 2); size >= 1; size = Math.floor(size / 2)) {
      for (let from = kept[name].length - size; from >= 0; from -= size) {
        const list = kept[name];
        await breaks({ ...kept, [name]: [...list.slice(0, from), ...list.slice(from + size)] });
      }
      if (size === 1) break;
    }
  };
  await shorten("faults");
  await shorten("steps");
  for (let servers = 1; servers < kept.servers; servers++) if (await breaks({ ...kept, servers })) break;
  await shorten("faults");
  return { kept, result };
}
