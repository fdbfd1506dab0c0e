/**
 * When this tab asks next and why, by the same rule that decides it. Pure.
 *
 * @module
 */
import { elapsedMs, type Reading } from "../client/environment.ts";
import {
  isIdle,
  MAX_TIMER_MS,
  plan,
  type AskReason,
  type PlanSettings,
  type PlanState,
} from "../client/plan.ts";

/** What comes next if no event does. */
export type Forecast =
  /** It asks in so many milliseconds; 0: now, or it waits for its turn. Until then it looks at its clocks, next in `lookInMs`. */
  | { readonly kind: "ask"; readonly inMs: number; readonly lookInMs: number; readonly reason: AskReason }
  /** Nothing until an event comes. */
  | {
      readonly kind: "rest";
      readonly because: "not started" | "signed out" | "offline" | "idle" | "nothing to renew";
    };

/** Foretells it from what the scheduler knows at `now`. */
export function forecast(
  state: PlanState | undefined,
  now: Reading,
  online: boolean,
  settings: PlanSettings,
  visible: boolean,
): Forecast {
  if (!state) return { kind: "rest", because: "not started" };
  const patient = { ...settings, checkEveryMs: MAX_TIMER_MS };
  const decide = (at: Reading) => plan(state, at, "timer", online, patient, visible);
  const step = decide(now);
  if (step.act === "ask") return { kind: "ask", inMs: 0, lookInMs: 0, reason: step.reason };
  if (step.act === "rest") return { kind: "rest", because: whyRest(state, now, online, settings) };
  const then = decide({ wallMs: now.wallMs + step.forMs, monotonicMs: now.monotonicMs + step.forMs });
  const lookInMs = Math.max(0, settings.checkEveryMs - elapsedMs(state.lookedAt, now));
  return {
    kind: "ask",
    inMs: step.forMs,
    lookInMs: Math.min(step.forMs, lookInMs),
    reason: then.act === "ask" ? then.reason : "idle",
  };
}

function whyRest(
  state: PlanState,
  now: Reading,
  online: boolean,
  settings: PlanSettings,
): (Forecast & { kind: "rest" })["because"] {
  if (state.known === "signed_out") return "signed out";
  if (!online && !settings.askWhenOffline) return "offline";
  return isIdle(state, now, settings) ? "idle" : "nothing to renew";
}
