/**
 * What is tried before a grant is called dead: the refresh tokens that were kept beside the stored one.
 *
 * @module
 */
import { about, refreshDeadlineMsOf, settled, type Engine } from "./engine.ts";
import { whileLeased } from "./keep-lease.ts";
import type { Candidate } from "./grant.ts";
import type { FlightResult, Holding } from "./refresh-attempt.ts";
import type { RefreshOutcome } from "./refresher.ts";
import { openCandidate, openTokens } from "./seal-tokens.ts";
import { sendRefresh } from "./send-refresh.ts";
import { settleCommitted, settleFailed } from "./settle-outcome.ts";
import { usefulnessOf } from "./spent-parent.ts";
import { retakeLease } from "./take-lease.ts";
import type { TokenSet } from "./token-set.ts";

/** How long a candidate is worth trying, in milliseconds: a day. */
export const MAX_CANDIDATE_AGE_MS = 86_400_000;

/**
 * Offers the server each refresh token that lost a commit, newest first: one of them may be the live one (P4, S5), and
 * then one that was spent twice, as using it again kills all others. One that this server cannot open may be the live one
 * as well: another server may have the key, so the grant goes on (I6).
 */
export async function tryCandidates(
  engine: Engine,
  first: Holding,
  door: string,
  storeNowMs: number,
): Promise<FlightResult | undefined> {
  const { grant } = first;
  let holding = first;
  const current = openTokens(engine, grant);
  let sealed = false;
  for (const candidate of inOrder(grant.candidates)) {
    const untilMs = usefulnessOf(candidate)?.untilMs ?? candidate.keptAtMs + MAX_CANDIDATE_AGE_MS;
    const isOver = storeNowMs >= untilMs;
    const tokenSet = isOver ? undefined : openCandidate(engine, grant, candidate);
    sealed ||= !isOver && tokenSet === undefined;
    if (!isOver && tokenSet === undefined) continue;
    let outcome: RefreshOutcome | undefined;
    const sent = tokenSet && { tokenSet, untilMs };
    if (tokenSet?.refreshToken !== undefined && tokenSet.refreshToken !== current?.refreshToken) {
      const retaken = await retakeLease(engine, holding, door);
      if ("gone" in retaken) return retaken.gone;
      holding = retaken.holding;
      const attempt = { ...holding, attemptId: engine.newId(), request: 1, candidate: sent };
      if (retaken.storeNowMs < untilMs) outcome = await sendCandidate(engine, attempt, tokenSet, door);
    }
    if (outcome?.kind === "committed") {
      engine.emit({ type: "candidate_used", ...about(engine, grant), attemptId: candidate.attemptId });
      const used = { ...holding, target: undefined, candidate: sent };
      const result = await settleCommitted(engine, used, outcome.tokenSet, door);
      await settled(engine.store.removeCandidate(grant.id, candidate.attemptId));
      return result;
    }
    if (outcome !== undefined && outcome.kind !== "rejected")
      return settleFailed(engine, holding, outcome, door);
    await engine.store.removeCandidate(grant.id, candidate.attemptId);
  }
  return sealed ? settleFailed(engine, holding, { kind: "config", code: "unseal_failed" }, door) : undefined;
}

function inOrder(candidates: readonly Candidate[]): readonly Candidate[] {
  const newestFirst = [...candidates].reverse();
  const isFresh = (one: Candidate): boolean => usefulnessOf(one) === undefined;
  return [...newestFirst.filter(isFresh), ...newestFirst.filter((one) => !isFresh(one))];
}

function sendCandidate(
  engine: Engine,
  holding: Holding,
  tokenSet: TokenSet,
  door: string,
): Promise<RefreshOutcome> {
  return whileLeased(engine, holding, refreshDeadlineMsOf(engine, holding.grant), () =>
    sendRefresh(engine, holding, { tokenSet, target: undefined, door }),
  );
}
