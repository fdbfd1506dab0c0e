/**
 * What is known after each thing that a tab learns: a session given at the start, an answer, a failure, or another tab's.
 *
 * @module
 */
import type { Reading } from "./environment.ts";
import { countSoon, type PlanState } from "./plan.ts";
import { askInMsOf, spareMsOf, type ClientSession } from "./session.ts";
import type { SharedNews } from "./tab-news.ts";

/** What is known at the start. `undefined`: nothing. `draw` is chance, 0 to 1. */
export function stateOf(session: ClientSession | null | undefined, now: Reading, draw: number): PlanState {
  const known = session ? "signed_in" : session === null ? "signed_out" : "unknown";
  return {
    known,
    ...timingOf(session),
    answeredAt: now,
    soon: session ? countSoon(0, session) : 0,
    failures: 0,
    failedAt: now,
    lookedAt: now,
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
  const soon = session ? countSoon(state.soon, session) : 0;
  return { ...stateOf(session, now, draw), soon, failedAt: state.failedAt, asked: state.asked };
}

/** After a request that failed. */
export function afterFailure(state: PlanState, now: Reading, draw: number): PlanState {
  return { ...state, failures: state.failures + 1, failedAt: now, lookedAt: now, draw };
}

/** After another tab's answer or failure, which is this tab's as well. */
export function afterNews(state: PlanState, news: SharedNews, now: Reading, draw: number): PlanState {
  const looked = { ...state, lookedAt: now, draw };
  if (news.kind === "failed") return { ...looked, failures: news.failures, failedAt: now };
  const { askInMs, spareMs, soon } = news;
  return { ...looked, answeredAt: now, askInMs, spareMs, soon, failures: 0 };
}

function timingOf(session: ClientSession | null | undefined): Pick<PlanState, "askInMs" | "spareMs"> {
  return session
    ? { askInMs: askInMsOf(session), spareMs: spareMsOf(session) }
    : { askInMs: Infinity, spareMs: Infinity };
}
