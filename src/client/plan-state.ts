/**
 * What is known after each thing that a tab learns: a session given at the start, an answer or a failure.
 *
 * @module
 */
import type { Reading } from "./environment.ts";
import { countSoon, type PlanState } from "./plan.ts";
import { askInMsOf, endsInMsOf, spareMsOf, type ClientSession } from "./session.ts";

/**
 * What is known at the start, which counts as activity. `undefined`: nothing. `draw` is chance, 0 to 1; `soon`: how many
 * answers in a row said before to come back at once.
 */
export function stateOf(
  session: ClientSession | null | undefined,
  now: Reading,
  draw: number,
  soon = 0,
): PlanState {
  const timing = session ?? {};
  return {
    known: session ? "signed_in" : session === null ? "signed_out" : "unknown",
    askInMs: askInMsOf(timing),
    spareMs: spareMsOf(timing),
    endsInMs: endsInMsOf(timing),
    answeredAt: now,
    soon: session ? countSoon(soon, session) : 0,
    failures: 0,
    failedAt: now,
    lookedAt: now,
    activeAt: now,
    draw,
  };
}

/** After a good answer; `null`: nobody is signed in. */
export function afterAnswer(
  state: PlanState,
  session: ClientSession | null,
  now: Reading,
  draw: number,
): PlanState {
  const { soon, activeAt, asked } = state;
  return { ...stateOf(session, now, draw, soon), activeAt, asked };
}

/** After a request that failed. */
export function afterFailure(state: PlanState, now: Reading, draw: number): PlanState {
  return { ...state, failures: state.failures + 1, failedAt: now, lookedAt: now, draw };
}
