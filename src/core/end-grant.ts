/**
 * Ends grants: leaves the tombstone, then tells the authorization server, then erases the tokens.
 *
 * An end that the store does not take is not forgotten: this process refuses the grant from then on and offers the end
 * again until the store is back, for at most `MAX_PENDING_MS`. Other processes learn of it only then.
 *
 * @module
 */
import { about, settled, type Engine } from "./engine.ts";
import type { EndReason, GrantRecord } from "./grant.ts";
import type { GrantSelector } from "./grant-store.ts";
import { offerAgain } from "./offer-again.ts";
import { flushPending } from "./persist.ts";
import { forgetGrant } from "./read-grant.ts";
import { revokeTokens } from "./revoke-tokens.ts";
import { openCandidate, openTokens } from "./seal-tokens.ts";
import { remember } from "./single-flight.ts";

/** How a grant is ended. */
export interface EndOptions {
  /** Whether the tokens are revoked at the authorization server as well; may depend on the row as it was. */
  readonly revoke: boolean | ((before: GrantRecord) => boolean);
}

const FIRST_PAUSE_MS = 1_000;

/** See `TokenManager.endGrant`. */
export async function endGrant(
  engine: Engine,
  id: string,
  reason: EndReason,
  options: EndOptions,
): Promise<boolean> {
  try {
    return await endNow(engine, id, reason, options);
  } catch (error) {
    const end = (): Promise<boolean> => endNow(engine, id, reason, options);
    remember(engine.shared.pendingEnds, id, { reason, end });
    engine.background(offerAgain(engine, () => isEnded(engine, id), FIRST_PAUSE_MS));
    throw error;
  }
}

/** See `TokenManager.endGrants`. */
export async function endGrants(
  engine: Engine,
  selector: GrantSelector,
  reason: EndReason,
  options: EndOptions,
): Promise<number> {
  const ended = await engine.store.endMatching(selector, reason);
  for (const before of ended) {
    forgetGrant(engine, before.id);
    bury(engine, before, reason, options);
  }
  return ended.length;
}

async function endNow(engine: Engine, id: string, reason: EndReason, options: EndOptions): Promise<boolean> {
  const before = await engine.store.end(id, reason);
  forgetGrant(engine, id);
  engine.shared.pendingEnds.delete(id);
  if (before !== undefined) bury(engine, before, reason, options);
  return before !== undefined;
}

async function isEnded({ shared }: Engine, id: string): Promise<boolean> {
  await shared.pendingEnds.get(id)?.end();
  return true;
}

/** Offers the store, once more, each end that it has not taken yet. */
export async function flushEnds({ shared }: Engine): Promise<void> {
  await Promise.all([...shared.pendingEnds.values()].map(({ end }) => settled(end())));
}

function bury(engine: Engine, before: GrantRecord, reason: EndReason, { revoke }: EndOptions): void {
  engine.emit({ type: "grant_ended", ...about(engine, before), reason });
  const wanted = typeof revoke === "function" ? revoke(before) : revoke;
  engine.background(clearAway(engine, before, wanted));
}

async function clearAway(engine: Engine, before: GrantRecord, revoke: boolean): Promise<void> {
  // Tokens that never reached the store are refused by the tombstone now, and so revoked.
  await flushPending(engine, before.id);
  const tokenSets = [
    openTokens(engine, before),
    ...before.candidates.map((one) => openCandidate(engine, before, one)),
  ];
  const known = tokenSets.filter((tokenSet) => tokenSet !== undefined);
  // Unrevoked tokens stay sealed in the tombstone until it is purged, so that they can still be revoked.
  if (!revoke || (await revokeTokens(engine, before, known))) await engine.store.wipe(before.id);
}
