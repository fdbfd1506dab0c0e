/**
 * Runs a share of a range of seeds.
 *
 * @module
 */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

import { planOf, type Mode, type Plan } from "./plan.ts";
import { replayCommand } from "./report.ts";
import { runPlan } from "./run.ts";
import { addRun, BROKEN_RUN, emptySummary, merge, type Summary } from "./summary.ts";

/** Which seeds: `from`, `from + every`, ... below `to`. */
export interface Work {
  readonly from: number;
  readonly to: number;
  readonly every: number;
  readonly mode: Mode | "both";
  /** The rules to watch. @defaultValue all */
  readonly rules?: readonly string[];
  /** Stops after so many failures. */
  readonly maxFailures: number;
}

/** The mode of a seed: one in four is a liveness run where both are asked for. */
export function modeOf(seed: number, mode: Work["mode"]): Mode {
  if (mode !== "both") return mode;
  return seed % 4 === 3 ? "liveness" : "safety";
}

/** A set of this many runs in one process takes minutes: it says between times how far it is. */
const TELLS_EACH_SEEDS = 1_000;

/** Runs the seeds in this process. A long set tells its progress, and each failure at once, to stderr. */
export async function summarise(work: Work): Promise<Summary> {
  const summary = emptySummary();
  const isLong = (work.to - work.from) / work.every > 2 * TELLS_EACH_SEEDS;
  for (let seed = work.from; seed < work.to; seed += work.every) {
    const found = summary.failures.length + summary.unexplained.length;
    await tryPlan(summary, planOf(seed, modeOf(seed, work.mode)), work.rules);
    const isNew = summary.failures.length + summary.unexplained.length > found;
    if (isLong && (isNew || summary.seeds % TELLS_EACH_SEEDS === 0)) console.error(progressOf(summary, seed));
    if (summary.failures.length >= work.maxFailures) break;
    // Lets timers and messages of the host through.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return summary;
}

function progressOf({ seeds, lost, unreachable, failures, unexplained }: Summary, seed: number): string {
  const found = [...failures.map((failure) => failure.replay), ...unexplained];
  const counted = `${seeds} runs up to seed ${seed}, lost ${lost} of ${unreachable} dead by the server's word`;
  return `${counted}; ${found.length === 0 ? "nothing broken" : `broken: ${found.join("; ")}`}`;
}

/** Runs one plan and adds it to the sums. */
export async function tryPlan(summary: Summary, plan: Plan, rules?: readonly string[]): Promise<void> {
  try {
    addRun(summary, await runPlan(plan, rules));
  } catch (error) {
    const { seed, mode } = plan.options;
    const message = String(error);
    summary.failures.push({ seed, mode, checker: BROKEN_RUN, message, replay: replayCommand({ plan }) });
  }
}

/** Runs the seeds in so many child processes at once. */
export async function summariseInChildren(work: Work, children: number): Promise<Summary> {
  const parts = await Promise.all(
    Array.from({ length: children }, (_, index) =>
      inChild({ ...work, from: work.from + index * work.every, every: work.every * children }),
    ),
  );
  const summary = emptySummary();
  for (const part of parts) merge(summary, part);
  return summary;
}

function inChild(work: Work): Promise<Summary> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL("worker.ts", import.meta.url)));
    child.once("message", (summary) => resolve(summary as Summary));
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code !== 0) reject(new Error(`A worker ended with ${code ?? "a signal"}`));
    });
    child.send(work);
  });
}
