/**
 * One run of the browser world: its browsers and pages, its steps and faults, and every rule watched all the way.
 *
 * @module
 */
import { Watch, type Violation } from "../checker.ts";
import type { Mode } from "../plan.ts";
import { drained } from "../timeline.ts";
import { X_MS } from "./bounds.ts";
import { browserCheckersFor } from "./checkers/index.ts";
import { countStates, type Sometimes } from "./coverage.ts";
import { bringBack, doStep } from "./deeds.ts";
import type { BrowserFault } from "./faults.ts";
import type { BrowserRecord } from "./history.ts";
import { browserPlanOf, type BrowserPlan } from "./plan.ts";
import { World } from "./world.ts";

/** What came of a run. */
export interface BrowserRunResult {
  readonly plan: BrowserPlan;
  readonly violation: Violation | undefined;
  readonly hash: number;
  /** Session requests of the client. */
  readonly asked: number;
  readonly happened: number;
  readonly injected: ReadonlyMap<string, number>;
  readonly coverage: Readonly<Record<Sometimes, number>>;
  readonly records: readonly BrowserRecord[];
}

/** How often the rules that know of time are asked, in milliseconds of simulated time. */
const LOOK_EACH_MS = 10_000;

/** Runs the plan of a seed. */
export function runBrowserSeed(seed: number, mode: Mode): Promise<BrowserRunResult> {
  return runBrowserPlan(browserPlanOf(seed, mode));
}

/**
 * Runs a plan, with all rules or with some of them (`I13`). The global `fetch` is the world's meanwhile, because the client's
 * own request uses it; so one run at a time in a process. Rejects only if the simulation itself is broken.
 */
export async function runBrowserPlan(
  plan: BrowserPlan,
  rules?: readonly string[],
): Promise<BrowserRunResult> {
  const { stackTraceLimit } = Error;
  const { fetch } = globalThis;
  const world = new World(plan);
  Error.stackTraceLimit = 0;
  globalThis.fetch = world.fetch;
  try {
    return await runWorld(world, rules);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    globalThis.fetch = fetch;
  }
}

async function runWorld(world: World, rules?: readonly string[]): Promise<BrowserRunResult> {
  const { plan, history, timeline } = world;
  const watch = new Watch<BrowserRecord>(browserCheckersFor(plan.options, rules), history.records);
  world.open();
  await drained();
  for (const fault of plan.faults) schedule(world, fault);
  for (const step of plan.steps) {
    await pass(world, watch, step.gapMs);
    if (watch.violation !== undefined) break;
    doStep(world, step);
    await drained();
  }
  await pass(world, watch, 1_000);
  if (watch.violation === undefined && plan.options.mode === "liveness") await comeToRest(world, watch);
  const { records, hash } = history;
  const coverage = { ...world.coverage };
  countStates(records, coverage);
  return {
    plan,
    violation: watch.violation,
    hash,
    asked: records.filter((record) => record.kind === "ask" && record.by === "client").length,
    happened: timeline.happened,
    injected: world.injected,
    coverage,
    records,
  };
}

async function pass({ timeline }: World, watch: Watch<BrowserRecord>, forMs: number): Promise<void> {
  const untilMs = timeline.nowMs + forMs;
  do {
    await timeline.runUntil(Math.min(untilMs, timeline.nowMs + LOOK_EACH_MS));
    watch.step(timeline.nowMs);
  } while (timeline.nowMs < untilMs && watch.violation === undefined);
}

function schedule({ timeline, weather, browsers }: World, fault: BrowserFault): void {
  const apply = (): void => {
    for (const { machine } of browsers) {
      machine.lockLateMs = weather.most(machine.index, "locks");
      machine.earlyMs = weather.most(machine.index, "timers");
    }
  };
  timeline.after(fault.atMs, () => {
    weather.begin(fault);
    apply();
  });
  timeline.after(fault.atMs + fault.durationMs, () => {
    weather.end(fault);
    apply();
  });
}

/** Ends all that hinders, and gives everybody the time that the rules allow. */
async function comeToRest(world: World, watch: Watch<BrowserRecord>): Promise<void> {
  const { timeline, browsers, weather, plan } = world;
  while (browsers.some(({ machine }) => machine.isAsleep) && watch.violation === undefined)
    await pass(world, watch, LOOK_EACH_MS);
  weather.clear();
  for (const { machine, apps } of browsers) {
    machine.lockLateMs = 0;
    machine.earlyMs = 0;
    if (!machine.isOnline) {
      machine.isOnline = true;
      world.machine(machine, "online");
      for (const { page } of apps) page.wake("online");
    }
    for (const app of apps) if (app.page.isFrozen) bringBack(world, app);
  }
  world.record({ kind: "phase", atMs: timeline.nowMs, browser: 0, phase: "healed" });
  await pass(world, watch, 2 * (X_MS + plan.options.lifetimeMs));
  world.record({ kind: "phase", atMs: timeline.nowMs, browser: 0, phase: "rest" });
  watch.rest(timeline.nowMs);
}
