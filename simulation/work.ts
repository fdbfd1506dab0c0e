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

/** Runs the seeds in this process. `onRun` hears of each. */
export async function summarise(work: Work, onRun?: (seeds: number) => void): Promise<Summary> {
  const summary = emptySummary();
  for (let seed = work.from; seed < work.to; seed += work.every) {
    await tryPlan(summary, planOf(seed, modeOf(seed, work.mode)), work.rules);
    onRun?.(summary.seeds);
    if (summary.failures.length >= work.maxFailures) break;
    // Lets timers and messages of the host through.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return summary;
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
