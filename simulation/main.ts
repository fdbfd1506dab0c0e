/**
 * `npm run simulate`: runs seeds, prints what they add up to, and shrinks and prints the first one that breaks a rule.
 *
 * @module
 */
import { parseArgs } from "node:util";

import { keepInCorpus, readCorpus } from "./corpus.ts";
import { planOf } from "./plan.ts";
import { replayCommand, reportOf } from "./report.ts";
import { runPlan, type RunResult } from "./run.ts";
import { partOf, shrink, type Kept } from "./shrink.ts";
import {
  BROKEN_RUN,
  COVERED_FROM_SEEDS,
  merge,
  neverSeen,
  tableOf,
  emptySummary,
  type Failure,
} from "./summary.ts";
import { modeOf, summarise, summariseInChildren, type Work } from "./work.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "2000" },
    seed: { type: "string", default: "1" },
    workers: { type: "string", default: "1" },
    mode: { type: "string", default: "both" },
    keep: { type: "string" },
    /** Stops at the first failure and prints it as JSON, `null` if there is none: for mutants.ts. */
    first: { type: "boolean", default: false },
    /** With `--first`: only these rules count, such as `I1,I3`. */
    rules: { type: "string" },
    "skip-corpus": { type: "boolean", default: false },
  },
});

process.exitCode = await main();

async function main(): Promise<number> {
  const seed = wholeNumber("seed", values.seed);
  const seeds = wholeNumber("seeds", values.seeds);
  const mode = values.mode;
  if (mode !== "both" && mode !== "safety" && mode !== "liveness") {
    throw new RangeError(`--mode must be safety, liveness or both; got ${mode}`);
  }
  if (values.first) {
    const rules = values.rules?.split(",");
    const work: Work = { from: seed, to: seed + seeds, every: 1, mode, maxFailures: 1 };
    return printFirst(rules === undefined ? work : { ...work, rules });
  }
  if (seeds === 1) return runOne(seed, mode, values.keep);
  const work: Work = { from: seed, to: seed + seeds, every: 1, mode, maxFailures: 20 };
  const startedAtMs = performance.now();
  const summary = emptySummary();
  if (!values["skip-corpus"]) {
    for (const one of readCorpus()) {
      merge(summary, await summarise({ ...work, from: one.seed, to: one.seed + 1, mode: one.mode }));
    }
  }
  const workers = wholeNumber("workers", values.workers);
  merge(summary, workers > 1 ? await summariseInChildren(work, workers) : await summarise(work));
  console.log(tableOf(summary, performance.now() - startedAtMs));
  for (const failure of summary.failures) {
    console.log(`\nseed ${failure.seed} (${failure.mode}) breaks ${failure.checker}: ${failure.message}`);
    keepInCorpus({ seed: failure.seed, mode: failure.mode, broke: `${failure.checker}: ${failure.message}` });
  }
  const [first] = summary.failures;
  if (first !== undefined && first.checker !== BROKEN_RUN) await explain(first);
  for (const loss of summary.unexplained) console.log(`\nno such loss may be: ${loss}`);
  const unseen = seeds >= COVERED_FROM_SEEDS ? neverSeen(summary) : [];
  if (unseen.length > 0) console.log(`\nnever seen: ${unseen.join(", ")}`);
  const kept = summary.lost === summary.unreachable && summary.unexplained.length === 0;
  return kept && summary.failures.length + unseen.length === 0 ? 0 : 1;
}

async function printFirst(work: Work): Promise<number> {
  const { failures, seeds } = await summarise(work);
  const [first] = failures;
  console.log(JSON.stringify(first === undefined ? null : { ...first, seeds }));
  return first === undefined ? 0 : 1;
}

async function runOne(seed: number, mode: Work["mode"], keep: string | undefined): Promise<number> {
  const plan = planOf(seed, modeOf(seed, mode));
  const kept = keep === undefined ? undefined : (JSON.parse(keep) as Kept);
  const result = await runPlan(kept === undefined ? plan : partOf(plan, kept));
  print(result, kept);
  if (result.violation !== undefined && kept === undefined) {
    await explain({ seed, mode: plan.options.mode, checker: result.violation.checker, message: "" });
  }
  return result.violation === undefined ? 0 : 1;
}

function print(result: RunResult, kept?: Kept): void {
  console.log(reportOf(result, kept));
  console.log(`  history hash ${result.hash.toString(16)}, ${result.records.length} records`);
}

async function explain({ seed, mode, checker }: Failure): Promise<void> {
  const plan = planOf(seed, mode);
  console.log(`\nshrinking seed ${seed} ...`);
  const { kept, result } = await shrink(plan, checker);
  print(result, kept);
  console.log(`  whole run: ${replayCommand(result)}`);
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new RangeError(`--${option} must be a whole number above 0; got ${text}`);
  }
  return value;
}
