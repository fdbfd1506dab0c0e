/**
 * Sends a refresh, and sends it again where its answer got lost and the authorization server gives the same refresh
 * token a second chance for a while (S1, TL1). At a strict server nothing is sent twice here.
 *
 * @module
 */
import { refreshDeadlineMsOf, type Engine } from "./engine.ts";
import { whileLeased } from "./keep-lease.ts";
import { sinceFirst } from "./intent.ts";
import { again, type FlightResult, type Holding } from "./refresh-attempt.ts";
import type { RefreshOutcome } from "./refresher.ts";
import { resendWindowMs } from "./rotation.ts";
import { sendRefresh, type RefreshSend } from "./send-refresh.ts";
import { retakeLease, type Retaken } from "./take-lease.ts";

/** How often one attempt sends again at most (K of I12). */
export const MAX_RESENDS = 3;

const FIRST_PAUSE_MS = 500;

/** What came of an attempt's requests, and what is known of the lost ones among them. */
export type Sent =
  | { readonly outcome: RefreshOutcome; readonly holding: Holding }
  /** What the attempt ends with, because the lease has gone before a further request. */
  | { readonly gone: FlightResult };

/** Sends under the lease, which is kept alive meanwhile. Never rejects. */
export async function sendWithinWindow(engine: Engine, first: Holding, send: RefreshSend): Promise<Sent> {
  const longestPauseMs = FIRST_PAUSE_MS * 2 ** MAX_RESENDS;
  const roundMs = refreshDeadlineMsOf(engine, first.grant) + longestPauseMs;
  const windowMs = resendWindowMs(engine.rotationOf(first.grant));
  const leasedMs = roundMs + (windowMs === Number.POSITIVE_INFINITY ? 0 : windowMs);
  const timer = createElapsed(engine, roundMs);
  let holding = first;
  for (let resends = 0; ; resends++) {
    const { outcome, goesOn } = await whileLeased(engine, holding, leasedMs, async () => {
      const outcome = await sendRefresh(engine, holding, send);
      // Where the window has no end there is no hurry: the usual back-off sends again.
      if (resends === MAX_RESENDS || !isLost(outcome) || windowMs === Number.POSITIVE_INFINITY)
        return { outcome, goesOn: false };
      const pauseMs = Math.max(FIRST_PAUSE_MS * 2 ** resends * (0.5 + engine.random() / 2), askedMs(outcome));
      const goesOn = first.sinceFirstSendMs + timer.readMs() + pauseMs < windowMs;
      if (goesOn) await engine.clock.sleep(pauseMs);
      return { outcome, goesOn };
    });
    if (!goesOn) return { outcome, holding };
    holding = { ...holding, unresolved: unresolvedOf(holding) };
    const next = await retaken(engine, holding, send.door);
    if (next === undefined) return { outcome, holding };
    if ("gone" in next) return next;
    holding = next.holding;
    if (!isOpen(holding, next.storeNowMs, windowMs)) return { outcome, holding };
    holding = again(holding);
  }
}

/** As {@link retakeLease}; `undefined` if the store does not say. */
async function retaken(engine: Engine, holding: Holding, door: string): Promise<Retaken | undefined> {
  try {
    return await retakeLease(engine, holding, door);
  } catch {
    return undefined;
  }
}

/** Whether the window is still open by the store's clock: this process's own may have been set back meanwhile. */
function isOpen({ unresolved }: Holding, storeNowMs: number, windowMs: number): boolean {
  const sinceMs = storeNowMs - (unresolved?.startedAtMs ?? storeNowMs);
  return sinceMs >= 0 && sinceMs < windowMs;
}

/** Whether the server may have spent the refresh token although nobody has the tokens that came of it. */
function isLost(outcome: RefreshOutcome): boolean {
  if (outcome.kind === "committed_bad") return outcome.code !== "subject_mismatch";
  return outcome.kind === "unknown";
}

function askedMs(outcome: RefreshOutcome): number {
  return outcome.kind === "committed" ? 0 : (outcome.retryAfterMs ?? 0);
}

/** The intent of this attempt, as somebody has to find it whose request was refused after one that got lost. */
function unresolvedOf({ grant, unresolved }: Holding): Holding["unresolved"] {
  return grant.intent === null ? unresolved : sinceFirst(grant.intent, unresolved, "unknown");
}

/** Time that has passed, by a wall clock that may jump: each step counts, and one that cannot be true counts as the longest. */
function createElapsed({ clock }: Engine, longestStepMs: number): { readMs: () => number } {
  let lastMs = clock.nowMs();
  let elapsedMs = 0;
  return {
    readMs() {
      const stepMs = clock.nowMs() - lastMs;
      lastMs += stepMs;
      elapsedMs += stepMs < 0 ? longestStepMs : stepMs;
      return elapsedMs;
    },
  };
}
