/**
 * `npm run simulate`: runs seeds, prints what they add up to, and shrinks and prints the first one that breaks a rule.
 *
 * @module
 */
import { parseArgs } from "node:util";

import { simulateBrowsers } from "./browser/main.ts";
import { keepInCorpus, readCorpus } from "./corpus.ts";
import { planOf, type Plan } from "./plan.ts";
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
import { modeOf, summarise, summariseInChildren, tryPlan, type Work } from "./work.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "2000" },
    seed: { type: "string", default: "1" },
    workers: { type: "string", default: "1" },
    mode: { type: "string", default: "both" },
    /** `server`: engines and stores. `browser`: tabs. */
    world: { type: "string", default: "server" },
    keep: { type: "string" },
    corpus: { type: "string" },
    /** Stops at the first failure and prints it as JSON, `null` if there is none: for mutants.ts. */
    first: { type: "boolean", default: false },
    /** With `--first`: only these rules count, such as `I1,I3`. */
    rules: { type: "string" },
    "skip-corpus": { type: "boolean", default: false },
  },
});

/** So many failures of one set are made smaller; each may cost hundreds of runs. */
const MAX_SHRUNK = 3;

process.exitCode = await main();

async function main(): Promise<number> {
  const seed = wholeNumber("seed", values.seed);
  const seeds = wholeNumber("seeds", values.seeds);
  const mode = values.mode;
  if (mode !== "both" && mode !== "safety" && mode !== "liveness") {
    throw new RangeError(`--mode must be safety, liveness or both; got ${mode}`);
  }
  if (values.world !== "server") return inBrowsers(seed, seeds, mode);
  if (values.first) {
    const rules = values.rules?.split(",");
    const work: Work = { from: seed, to: seed + seeds, every: 1, mode, maxFailures: 1 };
    return printFirst(rules === undefined ? work : { ...work, rules });
  }
  if (values.corpus !== undefined) return runOne(corpusPlan(values.corpus));
  if (seeds === 1) return runOne(planOf(seed, modeOf(seed, mode)), values.keep);
  const work: Work = { from: seed, to: seed + seeds, every: 1, mode, maxFailures: 20 };
  const startedAtMs = performance.now();
  const summary = emptySummary();
  if (!values["skip-corpus"]) {
    for (const { plan } of readCorpus()) await tryPlan(summary, plan);
  }
  const workers = wholeNumber("workers", values.workers);
  merge(summary, workers > 1 ? await summariseInChildren(work, workers) : await summarise(work));
  console.log(tableOf(summary, performance.now() - startedAtMs));
  for (const { seed, mode, checker, message, replay } of summary.failures)
    console.log(`\nseed ${seed} (${mode}) breaks ${checker}: ${message}\n  ${replay}`);
  for (const failure of summary.failures.slice(0, MAX_SHRUNK)) {
    if (failure.checker !== BROKEN_RUN) await explain(failure);
  }
  for (const loss of summary.unexplained) console.log(`\nno such loss may be: ${loss}`);
  const unseen = seeds >= COVERED_FROM_SEEDS ? neverSeen(summary) : [];
  if (unseen.length > 0) console.log(`\nnever seen: ${unseen.join(", ")}`);
  const kept = summary.lost === summary.unreachable && summary.unexplained.length === 0;
  return kept && summary.failures.length + unseen.length === 0 ? 0 : 1;
}

async function inBrowsers(seed: number, seeds: number, mode: Work["mode"]): Promise<number> {
  if (values.world !== "browser")
    throw new RangeError(`--world must be server or browser; got ${values.world}`);
  const { first, keep, rules } = values;
  const range = { from: seed, to: seed + seeds, every: 1, mode, maxFailures: first ? 1 : 20 };
  const work: Work = rules === undefined ? range : { ...range, rules: rules.split(",") };
  const corpus = values.corpus === undefined ? undefined : wholeNumber("corpus", values.corpus);
  return simulateBrowsers({ work, first, keep, corpus, skipCorpus: values["skip-corpus"] });
}

async function printFirst(work: Work): Promise<number> {
  const { failures, seeds } = await summarise(work);
  const [first] = failures;
  console.log(JSON.stringify(first === undefined ? null : { ...first, seeds }));
  return first === undefined ? 0 : 1;
}

async function runOne(plan: Plan, keep?: string): Promise<number> {
  const kept = keep === undefined ? undefined : (JSON.parse(keep) as Kept);
  const result = await runPlan(kept === undefined ? plan : partOf(plan, kept));
  print(result, kept);
  const { violation } = result;
  if (violation !== undefined && keep === undefined && values.corpus === undefined)
    await explain({ ...plan.options, checker: violation.checker });
  return violation === undefined ? 0 : 1;
}

function corpusPlan(number: string): Plan {
  const entries = readCorpus();
  const entry = entries[wholeNumber("corpus", number) - 1];
  if (entry === undefined) throw new RangeError(`--corpus must be at most ${entries.length}; got ${number}`);
  console.log(entry.broke);
  return entry.plan;
}

function print(result: RunResult, kept?: Kept): void {
  console.log(reportOf(result, kept));
  console.log(`  history hash ${result.hash.toString(16)}, ${result.records.length} records`);
}

/** Makes the failing run smaller, prints it and keeps it in the corpus as it is then. */
async function explain({ seed, mode, checker }: Pick<Failure, "seed" | "mode" | "checker">): Promise<void> {
  const plan = planOf(seed, mode);
  console.log(`\nshrinking seed ${seed} ...`);
  const { kept, result } = await shrink(plan, checker);
  print(result, kept);
  console.log(`  whole run: ${replayCommand(result)}`);
  const { violation } = result;
  if (violation !== undefined)
    keepInCorpus({ broke: `${violation.checker}: ${violation.message}`, plan: partOf(plan, kept) });
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new RangeError(`--${option} must be a whole number above 0; got ${text}`);
  }
  return value;
}
