/**
 * What each class of outcome does to the grant, under the lease.
 *
 * Only a confirmed `invalid_grant` ends a grant: after a re-read that shows no newer version, and after the kept
 * candidates were tried (I6). Everything else leaves it alive, with a pause.
 *
 * @module
 */
import { pauseAfterMs } from "./backoff.ts";
import { about, settled, type Engine } from "./engine.ts";
import type { EndReason, GrantRecord, Intent } from "./grant.ts";
import { persist } from "./persist.ts";
import { adopted, type FlightResult, type Holding } from "./refresh-attempt.ts";
import type { RefreshOutcome } from "./refresher.ts";
import { openCandidate, openTokens } from "./seal-tokens.ts";
import { sendRefresh } from "./send-refresh.ts";
import type { TokenSet } from "./token-set.ts";

type Failure = Exclude<RefreshOutcome, { kind: "committed" }>;

/** Brings an attempt to its end: commits, ends the grant, or pauses. */
export async function settleOutcome(
  engine: Engine,
  holding: Holding,
  outcome: RefreshOutcome,
  door: string,
): Promise<FlightResult> {
  if (outcome.kind === "committed") return settleCommitted(engine, holding, outcome.tokenSet, door);
  if (outcome.kind === "rejected") return settleRejected(engine, holding, door);
  if (outcome.code === "subject_mismatch") {
    engine.emit({ type: "subject_mismatch", ...about(engine, holding.grant), attemptId: holding.attemptId });
  }
  return settleFailed(engine, holding, outcome);
}

async function settleCommitted(
  engine: Engine,
  { grant, lease, attemptId }: Holding,
  tokenSet: TokenSet,
  door: string,
): Promise<FlightResult> {
  const persisted = await persist(engine, grant, tokenSet, attemptId, lease);
  switch (persisted.kind) {
    case "stored":
      return { kind: "refreshed", grant: persisted.grant, tokenSet, degraded: false };
    case "pending":
      return { kind: "refreshed", grant: persisted.grant, tokenSet, degraded: true };
    case "superseded":
      await settled(engine.store.releaseLease(grant.id, lease, { intent: null }));
      return adopted(engine, persisted.grant, door);
    case "ended":
      return { kind: "ended", reason: persisted.reason };
  }
}

async function settleFailed(engine: Engine, holding: Holding, outcome: Failure): Promise<FlightResult> {
  const { grant, lease, unresolved } = holding;
  const kind = outcome.kind === "rejected" ? "unknown" : outcome.kind;
  const failures = (grant.backoff?.failures ?? 0) + 1;
  const waitMs = pauseAfterMs(kind, failures, engine.random(), outcome.retryAfterMs);
  await engine.store.releaseLease(grant.id, lease, {
    intent: intentAfter(grant, outcome) ?? unresolved,
    backoff: { failures, waitMs, code: outcome.code },
  });
  return { kind: "failed", code: outcome.code, retryInMs: waitMs };
}

/** The intent that an attempt of unknown outcome leaves behind (M21). */
function intentAfter(grant: GrantRecord, outcome: Failure): Intent | null {
  if (grant.intent === null) return null;
  if (outcome.kind === "committed_bad") return { ...grant.intent, outcome: "answered" };
  if (outcome.kind !== "unknown") return null;
  return { ...grant.intent, outcome: outcome.answered === true ? "answered" : "unknown" };
}

async function settleRejected(engine: Engine, holding: Holding, door: string): Promise<FlightResult> {
  const { grant, lease, unresolved } = holding;
  const reading = await engine.store.read(grant.id);
  if (reading === undefined) return { kind: "ended", reason: "missing" };
  if (reading.grant.state === "ended") return { kind: "ended", reason: reading.grant.endReason ?? "revoked" };
  if (reading.grant.version !== grant.version) {
    await settled(engine.store.releaseLease(grant.id, lease, { intent: null }));
    return adopted(engine, reading.grant, door);
  }
  const rescued = await tryCandidates(engine, { ...holding, grant: reading.grant }, door);
  if (rescued !== undefined) return rescued;
  const lost =
    unresolved !== null || (grant.backoff !== null && /^(http_5|timeout|reset)/.test(grant.backoff.code));
  return endRejected(engine, reading.grant, lost ? "lost_response" : "rejected", door);
}

/**
 * Offers the server each refresh token that lost a commit, newest first: one of them may be the live one (P4, S5). One
 * that this server cannot open may be the live one as well: another server may have the key, so the grant goes on (I6).
 */
async function tryCandidates(
  engine: Engine,
  holding: Holding,
  door: string,
): Promise<FlightResult | undefined> {
  const { grant } = holding;
  const current = openTokens(engine, grant);
  let sealed = false;
  for (const candidate of [...grant.candidates].reverse()) {
    const tokenSet = openCandidate(engine, grant, candidate);
    sealed ||= tokenSet === undefined;
    if (tokenSet === undefined) continue;
    const usable = tokenSet.refreshToken !== undefined && tokenSet.refreshToken !== current?.refreshToken;
    const outcome = usable
      ? await sendRefresh(engine, { ...holding, attemptId: engine.newId() }, tokenSet, door)
      : undefined;
    if (outcome?.kind === "committed") {
      const result = await settleCommitted(engine, holding, outcome.tokenSet, door);
      await settled(engine.store.removeCandidate(grant.id, candidate.attemptId));
      return result;
    }
    if (outcome !== undefined && outcome.kind !== "rejected") return settleFailed(engine, holding, outcome);
    await engine.store.removeCandidate(grant.id, candidate.attemptId);
  }
  return sealed ? settleFailed(engine, holding, { kind: "config", code: "unseal_failed" }) : undefined;
}

async function endRejected(
  engine: Engine,
  grant: GrantRecord,
  reason: EndReason,
  door: string,
): Promise<FlightResult> {
  const before = await engine.store.end(grant.id, reason, grant.version);
  if (before !== undefined) {
    engine.emit({ type: "grant_ended", ...about(engine, grant), reason });
    void engine.background(settled(engine.store.wipe(grant.id)));
    return { kind: "ended", reason };
  }
  const reading = await engine.store.read(grant.id);
  if (reading === undefined) return { kind: "ended", reason: "missing" };
  if (reading.grant.state === "ended") return { kind: "ended", reason: reading.grant.endReason ?? reason };
  return adopted(engine, reading.grant, door);
}
