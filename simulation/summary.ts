/**
 * What a set of runs adds up to.
 *
 * @module
 */
import { allowedCauses, CAUSES } from "./causes.ts";
import { noCoverage, SOMETIMES, type Sometimes } from "./coverage.ts";
import type { FaultId } from "./fault-types.ts";
import type { Mode } from "./plan.ts";
import { replayCommand } from "./report.ts";
import type { RunResult } from "./run.ts";

/** A run that broke a rule. */
export interface Failure {
  readonly seed: number;
  readonly mode: Mode;
  readonly checker: string;
  readonly message: string;
  /** The command that runs it again. */
  readonly replay: string;
}

/** Sums over runs. Plain data: workers send it to their parent. */
export interface Summary {
  seeds: number;
  steps: number;
  refreshes: number;
  happened: number;
  /** Losses that the oracle calls unavoidable, and losses of the runs. */
  oracle: number;
  lost: number;
  /** Grants that nobody could use any more, by the authorization server's own word (see bound.ts). */
  unreachable: number;
  /** Of the losses, those at servers that give a second chance (P0-P4), by cause. */
  gentleLosses: Record<string, number>;
  /** Those of them that have a cause that such a server does not allow. */
  unexplained: string[];
  faults: Record<FaultId, number>;
  coverage: Record<Sometimes, number>;
  failures: Failure[];
}

/** What is named instead of a rule where a run did not even end. */
export const BROKEN_RUN = "the run itself";

/** Sets of at least this many runs must have reached every state. */
export const COVERED_FROM_SEEDS = 2_000;

export function emptySummary(): Summary {
  return {
    seeds: 0,
    steps: 0,
    refreshes: 0,
    happened: 0,
    oracle: 0,
    lost: 0,
    unreachable: 0,
    gentleLosses: {},
    unexplained: [],
    faults: {},
    coverage: noCoverage(),
    failures: [],
  };
}

/** Adds one run. */
export function addRun(summary: Summary, result: RunResult): void {
  const { plan, violation, account } = result;
  summary.seeds++;
  summary.steps += plan.steps.length;
  summary.refreshes += result.refreshes;
  summary.happened += result.happened;
  summary.oracle += account.unavoidable.length;
  summary.lost += account.unavoidable.length + account.avoidable.length;
  summary.unreachable += result.unreachable;
  for (const { cause, asClass = plan.options.asClass, grant } of account.unavoidable) {
    const allowed = allowedCauses(asClass);
    if (allowed === undefined) continue;
    const name = `${asClass}, told ${plan.options.told}: ${CAUSES[cause]}`;
    summary.gentleLosses[name] = (summary.gentleLosses[name] ?? 0) + 1;
    if (!allowed.includes(cause))
      summary.unexplained.push(`seed ${plan.options.seed} (${plan.options.mode}) ${grant}: ${name}`);
  }
  for (const [id, count] of result.injected) summary.faults[id] = (summary.faults[id] ?? 0) + count;
  for (const name of Object.keys(summary.coverage) as Sometimes[])
    summary.coverage[name] += result.coverage[name];
  if (violation !== undefined) {
    const { seed, mode } = plan.options;
    const { checker, message } = violation;
    summary.failures.push({ seed, mode, checker, message, replay: replayCommand({ plan }) });
  }
}

/** Adds what another worker has summed up. */
export function merge(into: Summary, other: Summary): void {
  for (const name of ["seeds", "steps", "refreshes", "happened", "oracle", "lost", "unreachable"] as const)
    into[name] += other[name];
  for (const table of ["gentleLosses", "faults", "coverage"] as const) {
    const target = into[table] as Record<string, number>;
    for (const [key, count] of Object.entries(other[table])) target[key] = (target[key] ?? 0) + count;
  }
  into.failures.push(...other.failures);
  into.unexplained.push(...other.unexplained);
}

/** States that no run has reached. */
export function neverSeen({ coverage }: Summary): readonly Sometimes[] {
  return (Object.keys(coverage) as Sometimes[]).filter((name) => coverage[name] === 0);
}

/** The table that `npm run simulate` prints. */
export function tableOf(summary: Summary, tookMs: number): string {
  const { seeds, faults } = summary;
  const ids = Object.keys(faults).sort((a, b) => Number(a.slice(1)) - Number(b.slice(1))) as FaultId[];
  const injected = ids.reduce((sum, id) => sum + (faults[id] ?? 0), 0);
  const rows: (readonly [string, string])[] = [
    ["seeds", `${seeds}`],
    ["steps", `${summary.steps}`],
    ["refresh requests", `${summary.refreshes}`],
    ["faults injected", `${injected}, of ${ids.length} kinds`],
    ["grants lost: oracle / run", `${summary.oracle} / ${summary.lost}`],
    ["dead by the server's word", `${summary.unreachable}`],
    ["rules broken", `${summary.failures.length}`],
    ["time", `${(tookMs / 1_000).toFixed(1)} s, ${((seeds / tookMs) * 1_000).toFixed(0)} seeds per second`],
  ];
  const lines = rows.map(([name, value]) => `  ${name.padEnd(28)}${value}`);
  lines.push("", "  sometimes");
  for (const [name, text] of Object.entries(SOMETIMES)) {
    lines.push(`  ${String(summary.coverage[name as Sometimes]).padStart(9)}  ${text}`);
  }
  lines.push("", "  faults");
  lines.push(`  ${ids.map((id) => `${id} ${faults[id]}`).join(", ")}`);
  if (Object.keys(summary.gentleLosses).length > 0) {
    lines.push("", "  losses at servers that give a second chance (P0-P4)");
    for (const [cause, count] of Object.entries(summary.gentleLosses).sort())
      lines.push(`  ${String(count).padStart(9)}  ${cause}`);
  }
  return lines.join("\n");
}
