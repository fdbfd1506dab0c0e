/**
 * Small worlds with chosen faults, for tests that tell one story.
 *
 * @module
 */
import type { Fault } from "./fault-types.ts";
import { planOf, type Plan, type WorldOptions } from "./plan.ts";
import type { Step } from "./steps.ts";

/** A world without any fault and without chance in its sizes: three servers, two users, one browser each. */
export function quietOptions(options: Partial<WorldOptions>): WorldOptions {
  return {
    ...planOf(1, "safety").options,
    seed: 1,
    mode: "safety",
    profile: "faulty",
    servers: 3,
    grants: 2,
    users: 2,
    asClass: "P6",
    graceMs: 0,
    told: "truth",
    revokesOldAccessToken: false,
    accessLifetimeMs: 60_000,
    asLatencyMs: 50,
    storeLatencyMs: 0,
    skewMs: 0,
    leaseMs: 4_000,
    serverless: false,
    leavers: 0,
    overHttp: false,
    ...options,
  };
}

/** A step at a moment, in milliseconds from the start. */
export type TimedStep = Omit<Step, "gapMs"> & { readonly atMs: number };

/** A fault, with what the story does not care about left out. */
export type StoryFault = Pick<Fault, "id" | "effect"> & Partial<Fault>;

/** The plan of a story. Steps have to come in the order of time. */
export function storyOf(
  options: Partial<WorldOptions>,
  steps: readonly TimedStep[],
  faults: readonly StoryFault[] = [],
): Plan {
  let lastMs = 0;
  return {
    options: quietOptions(options),
    steps: steps.map(({ atMs, ...step }) => {
      const gapMs = atMs - lastMs;
      lastMs = atMs;
      return { ...step, gapMs };
    }),
    faults: faults.map((fault) => ({ atMs: 0, durationMs: 0, server: null, grant: null, ...fault })),
  };
}

/** Demand: every so often, each browser asks through each server in turn. */
export function demand(
  fromMs: number,
  untilMs: number,
  everyMs: number,
  servers: readonly number[],
  slots: readonly number[] = [0, 1],
): readonly TimedStep[] {
  const steps: TimedStep[] = [];
  for (let atMs = fromMs, index = 0; atMs <= untilMs; atMs += everyMs, index++) {
    for (const slot of slots) {
      steps.push({ atMs, server: servers[index % servers.length] ?? 0, slot, deed: { do: "call_api" } });
    }
  }
  return steps;
}
