/**
 * A tab's state that tests of pure rules begin with, and both clocks some time after it.
 *
 * @module
 */
import type { Reading } from "../../src/client/environment.ts";
import type { PlanState } from "../../src/client/plan.ts";

/** When it began. */
export const start: Reading = { wallMs: 1_700_000_000_000, monotonicMs: 100 };

/** Both clocks so many milliseconds after the state began. */
export function after(wallMs: number, monotonicMs: number = wallMs): Reading {
  return { wallMs: start.wallMs + wallMs, monotonicMs: start.monotonicMs + monotonicMs };
}

/** Somebody is signed in, the answer came right now, and says to ask after 46 s. */
export const signedIn: PlanState = {
  known: "signed_in",
  answeredAt: start,
  askInMs: 46_000,
  spareMs: Infinity,
  endsInMs: Infinity,
  soon: 0,
  failures: 0,
  failedAt: start,
  lookedAt: start,
  activeAt: start,
  draw: 0,
};
