/**
 * What is left to do once a grant has ended: its tokens are revoked at the authorization server, then erased.
 *
 * Until that is done they stay sealed in the tombstone, so that whoever comes later can still do it: this process, with
 * growing pauses, or the sweep of `resealGrants` after a crash.
 *
 * @module
 */
import { about, type Engine } from "./engine.ts";
import type { EndReason, GrantRecord } from "./grant.ts";
import { flushPending } from "./persist.ts";
import { revokeRound, revokeTokens } from "./revoke-tokens.ts";
import { openCandidate, openTokens } from "./seal-tokens.ts";
import type { TokenSet } from "./token-set.ts";

/** How a grant is ended. */
export interface EndOptions {
  /** Whether the tokens are revoked at the authorization server as well; may depend on the row as it was. */
  readonly revoke: boolean | ((before: GrantRecord) => boolean);
  /** Which of the grants that match a selector are meant. @defaultValue all */
  readonly only?: (grant: GrantRecord) => boolean;
}

/** How old an end is before a sweep takes it up, in milliseconds: the process that ended it is at it until then. */
export const MIN_SWEEP_AGE_MS: number = 5 * 60_000;

/** How many revocations in a row may fail at one issuer before a sweep leaves the rest of that issuer to the next one. */
const MAX_FAILURES_IN_A_ROW = 5;

/** Tells that a grant has ended, and clears it away in the background. */
export function bury(engine: Engine, before: GrantRecord, reason: EndReason, { revoke }: EndOptions): void {
  engine.emit({ type: "grant_ended", ...about(engine, before), reason });
  const wanted = typeof revoke === "function" ? revoke(before) : revoke;
  engine.background(clearAway(engine, before, wanted));
}

/**
 * The row of a grant that ended for this reason without anybody hearing of it: its tokens are still there (X26).
 *
 * @param maxAgeMs How long ago it ended at most, by the store's clock, in milliseconds. @defaultValue any time
 */
export async function endedUnheard(
  { store }: Engine,
  id: string,
  reason: EndReason,
  maxAgeMs: number = Number.POSITIVE_INFINITY,
): Promise<GrantRecord | undefined> {
  const reading = await store.read(id);
  if (reading === undefined) return undefined;
  const { grant, storeNowMs } = reading;
  const isOlder = storeNowMs - (grant.endedAtMs ?? storeNowMs) > maxAgeMs;
  return grant.endReason === reason && hasTokens(grant) && !isOlder ? grant : undefined;
}

/** Buries a grant that ended for this reason without anybody hearing of it, if it has. Rejects if the store fails. */
export async function buryUnheard(
  engine: Engine,
  id: string,
  reason: EndReason,
  options: EndOptions,
  maxAgeMs?: number,
): Promise<true> {
  const grant = await endedUnheard(engine, id, reason, maxAgeMs);
  if (grant !== undefined) bury(engine, grant, reason, options);
  return true;
}

async function clearAway(engine: Engine, before: GrantRecord, revoke: boolean): Promise<void> {
  // Tokens that never reached the store are refused by the tombstone now, and so revoked.
  await flushPending(engine, before.id);
  if (!revoke) return engine.store.wipe(before.id);
  const { tokenSets, isComplete } = openAll(engine, before);
  await revokeTokens(engine, before, tokenSets, async () => {
    // What this process could not open, one that has the key can still revoke.
    if (isComplete) await engine.store.wipe(before.id);
  });
}

function openAll(
  engine: Engine,
  grant: GrantRecord,
): { readonly tokenSets: readonly TokenSet[]; readonly isComplete: boolean } {
  const all = [
    openTokens(engine, grant),
    ...grant.candidates.map((one) => openCandidate(engine, grant, one)),
  ];
  const tokenSets = all.filter((tokenSet) => tokenSet !== undefined);
  return { tokenSets, isComplete: tokenSets.length === all.length };
}

function hasTokens({ sealedTokenSet, candidates }: GrantRecord): boolean {
  return sealedTokenSet !== "" || candidates.length > 0;
}

/**
 * What a sweep does about a row: the reason says what its end wanted. A grant that was `replaced` is left alone, because
 * at many servers both share one consent, and revoking the old chain would end the new one.
 *
 * @param nowMs This server's time, in epoch milliseconds.
 */
export function leftToDo(grant: GrantRecord, nowMs: number): "nothing" | "wipe" | "revoke" {
  if (grant.state !== "ended" || !hasTokens(grant)) return "nothing";
  if (nowMs - (grant.endedAtMs ?? nowMs) < MIN_SWEEP_AGE_MS || grant.endReason === "replaced")
    return "nothing";
  return grant.endReason === "signed_out" || grant.endReason === "revoked" ? "revoke" : "wipe";
}

/**
 * Makes one sweep's hand: it finishes what is left of an ended grant, and says whether there is nothing any more. Each
 * token set is tried once. Rejects if the store fails.
 */
export function createSweep(engine: Engine): (grant: GrantRecord) => Promise<boolean> {
  const failuresOf = new Map<string, number>();
  return async (grant) => {
    const left = leftToDo(grant, engine.clock.nowMs());
    if (left === "nothing") return false;
    if (left === "revoke") {
      const failures = failuresOf.get(grant.issuer) ?? 0;
      if (failures >= MAX_FAILURES_IN_A_ROW) return false;
      const { tokenSets, isComplete } = openAll(engine, grant);
      const failed = await revokeRound(engine, grant, tokenSets, 1);
      failuresOf.set(grant.issuer, failed.length > 0 ? failures + 1 : 0);
      if (failed.length > 0 || !isComplete) return false;
    }
    await engine.store.wipe(grant.id);
    return true;
  };
}
