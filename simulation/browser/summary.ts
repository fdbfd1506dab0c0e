/**
 * Sets of runs of the browser world: their sums, the failures among them, and the smallest part of one that still fails.
 *
 * @module
 */
import type { Mode } from "../plan.ts";
import { BROKEN_RUN, type Failure } from "../summary.ts";
import { modeOf, type Work } from "../work.ts";
import { noCoverage, SOMETIMES, type Sometimes } from "./coverage.ts";
import { browserPlanOf, type BrowserPlan } from "./plan.ts";
import { runBrowserPlan, type BrowserRunResult } from "./run.ts";

/** Sums over runs. */
export interface BrowserSummary {
  seeds: number;
  asked: number;
  happened: number;
  faults: Record<string, number>;
  coverage: Record<Sometimes, number>;
  failures: Failure[];
}

/** What is left of a plan, by index. */
export interface BrowserKept {
  readonly steps: readonly number[];
  readonly faults: readonly number[];
}

/** Sets of at least this many runs must have reached every state. */
export const BROWSER_COVERED_FROM_SEEDS = 500;

/** How many runs shrinking may cost. */
const MAX_RUNS = 300;

/** Runs seeds one after another. */
export async function summariseBrowsers(work: Work): Promise<BrowserSummary> {
  const summary: BrowserSummary = {
    seeds: 0,
    asked: 0,
    happened: 0,
    faults: {},
    coverage: noCoverage(),
    failures: [],
  };
  for (let seed = work.from; seed < work.to; seed += work.every) {
    await tryPlan(summary, browserPlanOf(seed, modeOf(seed, work.mode)), work.rules);
    if (summary.failures.length >= work.maxFailures) break;
  }
  return summary;
}

async function tryPlan(summary: BrowserSummary, plan: BrowserPlan, rules?: readonly string[]): Promise<void> {
  const { seed, mode } = plan.options;
  const fail = (checker: string, message: string): void => {
    summary.failures.push({ seed, mode, checker, message, replay: browserReplay(plan) });
  };
  summary.seeds++;
  try {
    const result = await runBrowserPlan(plan, rules);
    summary.asked += result.asked;
    summary.happened += result.happened;
    for (const [id, count] of result.injected) summary.faults[id] = (summary.faults[id] ?? 0) + count;
    for (const name of Object.keys(summary.coverage) as Sometimes[])
      summary.coverage[name] += result.coverage[name];
    if (result.violation !== undefined) fail(result.violation.checker, result.violation.message);
  } catch (error) {
    fail(BROKEN_RUN, String(error));
  }
}

/** States that no run has reached. */
export function statesNeverSeen({ coverage }: BrowserSummary): readonly Sometimes[] {
  return (Object.keys(coverage) as Sometimes[]).filter((name) => coverage[name] === 0);
}

/** The part of a plan. The time between two kept steps stays what it was. */
export function browserPartOf(plan: BrowserPlan, { steps, faults }: BrowserKept): BrowserPlan {
  const kept = new Set(steps);
  const left: BrowserPlan["steps"][number][] = [];
  let gapMs = 0;
  for (const [index, step] of plan.steps.entries()) {
    gapMs += step.gapMs;
    // What is left out passes as time: a rule may need it.
    if (!kept.has(index)) continue;
    left.push({ ...step, gapMs });
    gapMs = 0;
  }
  if (gapMs > 0) left.push({ gapMs, browser: 0, tab: 0, deed: { do: "nothing" } });
  return { ...plan, steps: left, faults: plan.faults.filter((_, index) => faults.includes(index)) };
}

/** The smallest part found that breaks the same rule. */
export async function shrinkBrowsers(
  plan: BrowserPlan,
  checker: string,
  run: (plan: BrowserPlan) => Promise<BrowserRunResult> = runBrowserPlan,
): Promise<{ readonly kept: BrowserKept; readonly result: BrowserRunResult }> {
  let kept: BrowserKept = { steps: [...plan.steps.keys()], faults: [...plan.faults.keys()] };
  let result = await run(plan);
  let runs = 0;
  for (const name of ["faults", "steps", "faults"] as const) {
    for (let size = Math.ceil(kept[name].length / 2); size >= 1; size = Math.floor(size / 2)) {
      for (let from = kept[name].length - size; from >= 0 && runs < MAX_RUNS; from -= size) {
        const list = kept[name];
        const candidate = { ...kept, [name]: [...list.slice(0, from), ...list.slice(from + size)] };
        runs++;
        const tried = await run(browserPartOf(plan, candidate)).catch(() => undefined);
        if (tried?.violation?.checker !== checker) continue;
        kept = candidate;
        result = tried;
      }
    }
  }
  return { kept, result };
}

/** The one command that runs exactly this again. */
export function browserReplay({ options: { seed, mode } }: BrowserPlan, kept?: BrowserKept): string {
  const part = kept === undefined ? "" : ` --keep '${JSON.stringify(kept)}'`;
  return `node simulation/main.ts --world browser --seed ${seed} --seeds 1 --mode ${mode satisfies Mode}${part}`;
}

/** The table that `npm run simulate -- --world browser` prints. */
export function browserTableOf(summary: BrowserSummary, tookMs: number): string {
  const { seeds, asked, happened, faults, failures, coverage } = summary;
  const rows: readonly (readonly [string, string])[] = [
    ["seeds", `${seeds}`],
    ["session requests of tabs", `${asked}`],
    ["happenings", `${happened}`],
    ["rules broken", `${failures.length}`],
    ["time", `${(tookMs / 1_000).toFixed(1)} s, ${((seeds / tookMs) * 1_000).toFixed(0)} seeds per second`],
  ];
  const ids = Object.keys(faults).sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)));
  return [
    ...rows.map(([name, value]) => `  ${name.padEnd(28)}${value}`),
    "",
    "  sometimes",
    ...Object.entries(SOMETIMES).map(
      ([name, text]) => `  ${String(coverage[name as Sometimes]).padStart(9)}  ${text}`,
    ),
    "",
    "  faults",
    `  ${ids.map((id) => `${id} ${faults[id] ?? 0}`).join(", ")}`,
  ].join("\n");
}
