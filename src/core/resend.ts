/**
 * Sends a refresh, and sends it again where its answer got lost and the authorization server gives the same refresh
 * token a second chance for a while (S1, TL1). At a strict server nothing is sent twice here.
 *
 * @module
 */
import { refreshDeadlineMsOf, type Engine } from "./engine.ts";
import { whileLeased } from "./keep-lease.ts";
import { again, type Holding } from "./refresh-attempt.ts";
import type { RefreshOutcome } from "./refresher.ts";
import { resendWindowMs } from "./rotation.ts";
import { sendRefresh, type RefreshSend } from "./send-refresh.ts";

/** How often one attempt sends again at most (K of I12). */
export const MAX_RESENDS = 3;

const FIRST_PAUSE_MS = 500;

/** What came of an attempt's requests, and what is known of the lost ones among them. */
export interface Sent {
  readonly outcome: RefreshOutcome;
  readonly holding: Holding;
}

/** Sends under the lease, which is kept alive meanwhile. Never rejects. */
export async function sendWithinWindow(engine: Engine, first: Holding, send: RefreshSend): Promise<Sent> {
  const { grant } = first;
  const roundMs = refreshDeadlineMsOf(engine, grant) + FIRST_PAUSE_MS * 2 ** MAX_RESENDS;
  return whileLeased(engine, first, roundMs * (MAX_RESENDS + 1), async () => {
    const windowMs = resendWindowMs(engine.rotationOf(grant));
    const timer = createElapsed(engine, roundMs);
    let holding = first;
    let outcome = await sendRefresh(engine, holding, send);
    for (let resends = 0; resends < MAX_RESENDS && isLost(outcome); resends++) {
      const pauseMs = Math.max(FIRST_PAUSE_MS * 2 ** resends * (0.5 + engine.random() / 2), askedMs(outcome));
      // Where the window has no end there is no hurry: the usual back-off sends again.
      if (
        windowMs === Number.POSITIVE_INFINITY ||
        first.sinceFirstSendMs + timer.readMs() + pauseMs >= windowMs
      )
        break;
      holding = again({ ...holding, unresolved: holding.unresolved ?? unresolvedOf(holding) });
      await engine.clock.sleep(pauseMs);
      if (!(await mayGoOn(engine, holding, windowMs))) break;
      outcome = await sendRefresh(engine, holding, send);
    }
    return { outcome, holding };
  });
}

/**
 * Whether the lease is still this holder's, and the window still open by the store's clock: this process's own may have
 * been set back meanwhile. The lease lasts for its whole length from now if so.
 */
async function mayGoOn(
  { store, limits }: Engine,
  { grant, lease, unresolved }: Holding,
  windowMs: number,
): Promise<boolean> {
  try {
    if (!(await store.renewLease(grant.id, lease, limits.leaseMs))) return false;
    const reading = await store.read(grant.id);
    if (reading === undefined || reading.grant.version !== grant.version) return false;
    const sinceMs = reading.storeNowMs - (unresolved?.startedAtMs ?? reading.storeNowMs);
    return sinceMs >= 0 && sinceMs < windowMs;
  } catch {
    return false;
  }
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
function unresolvedOf({ grant }: Holding): Holding["unresolved"] {
  return grant.intent === null ? null : { ...grant.intent, outcome: "unknown" };
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
