/**
 * `npm run simulate -- --world browser`: runs seeds of the browser world, prints what they add up to, and shrinks and prints
 * those that break a rule.
 *
 * @module
 */
import { BROKEN_RUN } from "../summary.ts";
import { modeOf, type Work } from "../work.ts";
import { keepInBrowserCorpus, readBrowserCorpus } from "./corpus.ts";
import { browserPlanOf, type BrowserPlan } from "./plan.ts";
import { runBrowserPlan, type BrowserRunResult } from "./run.ts";
import {
  BROWSER_COVERED_FROM_SEEDS,
  browserPartOf,
  browserReplay,
  browserTableOf,
  shrinkBrowsers,
  statesNeverSeen,
  summariseBrowsers,
  type BrowserKept,
} from "./summary.ts";

const LAST_RECORDS = 40;
/** So many failures of one set are made smaller. */
const MAX_SHRUNK = 3;

/** What the command line says. */
export interface BrowserCommand {
  readonly work: Work;
  /** Stops at the first failure and prints it as JSON, `null` if there is none: for mutants.ts. */
  readonly first: boolean;
  /** With one seed: only these steps and faults. */
  readonly keep: string | undefined;
  /** Only that run of those that failed once, counted from 1. */
  readonly corpus: number | undefined;
  /** Leaves out the runs that failed once. */
  readonly skipCorpus: boolean;
}

/** Runs it. Resolves to the exit code: 0 where nothing was broken and, in a large set, every state was reached. */
export async function simulateBrowsers(command: BrowserCommand): Promise<number> {
  const { work, first, keep, corpus, skipCorpus } = command;
  if (corpus !== undefined) return runFromCorpus(corpus);
  if (work.to === work.from + 1 && !first) {
    const plan = browserPlanOf(work.from, modeOf(work.from, work.mode));
    return runOne(plan, keep === undefined ? undefined : (JSON.parse(keep) as BrowserKept));
  }
  const startedAtMs = performance.now();
  const again = first || skipCorpus ? [] : await brokenAgain();
  const summary = await summariseBrowsers(work);
  const { failures, seeds } = summary;
  if (first) {
    console.log(JSON.stringify(failures[0] === undefined ? null : { ...failures[0], seeds }));
    return failures.length === 0 ? 0 : 1;
  }
  console.log(browserTableOf(summary, performance.now() - startedAtMs));
  for (const line of again) console.log(line);
  for (const { seed, mode, checker, message, replay } of failures)
    console.log(`\nseed ${seed} (${mode}) breaks ${checker}: ${message}\n  ${replay}`);
  for (const { seed, mode, checker } of failures.slice(0, MAX_SHRUNK))
    if (checker !== BROKEN_RUN) await explain(browserPlanOf(seed, mode), checker);
  const unseen = seeds >= BROWSER_COVERED_FROM_SEEDS ? statesNeverSeen(summary) : [];
  if (unseen.length > 0) console.log(`\nnever seen: ${unseen.join(", ")}`);
  return again.length + failures.length + unseen.length === 0 ? 0 : 1;
}

/** A line for each of the runs that failed once and fails again. */
async function brokenAgain(): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const [index, { plan }] of readBrowserCorpus().entries()) {
    const { violation } = await runBrowserPlan(plan);
    const replay = `node simulation/main.ts --world browser --corpus ${index + 1}`;
    if (violation) lines.push(`\nbroken again: ${violation.checker}: ${violation.message}\n  ${replay}`);
  }
  return lines;
}

async function runFromCorpus(number: number): Promise<number> {
  const entries = readBrowserCorpus();
  const entry = entries[number - 1];
  if (entry === undefined) throw new RangeError(`--corpus must be at most ${entries.length}; got ${number}`);
  console.log(entry.broke);
  const result = await runBrowserPlan(entry.plan);
  print(result);
  return result.violation === undefined ? 0 : 1;
}

async function runOne(plan: BrowserPlan, kept?: BrowserKept): Promise<number> {
  const result = await runBrowserPlan(kept === undefined ? plan : browserPartOf(plan, kept));
  print(result, kept);
  const { violation } = result;
  if (violation !== undefined && kept === undefined) await explain(plan, violation.checker);
  return violation === undefined ? 0 : 1;
}

async function explain(plan: BrowserPlan, checker: string): Promise<void> {
  console.log(`\nshrinking seed ${plan.options.seed} ...`);
  const { kept, result } = await shrinkBrowsers(plan, checker);
  print(result, kept);
  const { violation } = result;
  if (violation !== undefined)
    keepInBrowserCorpus({
      broke: `${violation.checker}: ${violation.message}`,
      plan: browserPartOf(plan, kept),
    });
}

function print({ violation, plan, records, hash }: BrowserRunResult, kept?: BrowserKept): void {
  const lines: string[] = [];
  if (violation === undefined) lines.push("No rule was broken.");
  else {
    const startMs = records[0]?.atMs ?? 0;
    const seconds = (ms: number): string => (ms / 1_000).toFixed(3);
    const about = /b\d+t\d+/.exec(violation.message)?.[0];
    const shown = records
      .slice(0, violation.records)
      .filter((record) => about === undefined || !("tab" in record) || record.tab === about);
    lines.push(
      `${violation.checker}: ${violation.message}`,
      `  at ${seconds(violation.atMs - startMs)} s`,
      `  options ${JSON.stringify(plan.options)}`,
      ...plan.steps.map((step) => `  step ${JSON.stringify(step)}`),
      ...plan.faults.map((fault) => `  fault ${JSON.stringify(fault)}`),
      `  the last of ${violation.records} records${about === undefined ? "" : ` about ${about}`}:`,
    );
    for (const { kind, atMs, ...rest } of shown.slice(-LAST_RECORDS))
      lines.push(`  ${seconds(atMs - startMs).padStart(10)} ${kind} ${JSON.stringify(rest).slice(0, 240)}`);
    lines.push(`  replay: ${browserReplay(plan, kept)}`);
  }
  console.log([...lines, `  history hash ${hash.toString(16)}, ${records.length} records`].join("\n"));
}
