/**
 * Tells the authorization server that tokens are not needed any more. Best effort, bounded, never in anybody's way.
 *
 * @module
 */
import { about, requestFor, type Engine } from "./engine.ts";
import type { GrantRecord } from "./grant.ts";
import { offerAgain } from "./offer-again.ts";
import type { RevokeOutcome } from "./refresher.ts";
import { remember } from "./single-flight.ts";
import type { TokenSet } from "./token-set.ts";

const TRIES = 3;
const TRY_TIMEOUT_MS = 10_000;
const FIRST_PAUSE_MS = 1_000;
/** The pauses after those tries: a server that is down must not find one request per sign-out and second (I10). */
const FIRST_OFFER_PAUSE_MS = 30_000;
const MAX_OFFER_PAUSE_MS = 300_000;

/**
 * Revokes token sets of a grant (RFC 7009), each up to three times, and then calls `finish`. What fails, `finish`
 * included, is offered again with growing pauses of up to five minutes, for at most an hour and not once the engine is
 * closing.
 *
 * @returns After the first tries. The later ones keep no host awake: what they are about is kept elsewhere, or lost then.
 */
export async function revokeTokens(
  engine: Engine,
  grant: GrantRecord,
  tokenSets: readonly TokenSet[],
  finish: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  let left = await revokeRound(engine, grant, tokenSets, TRIES);
  for (const _ of left) engine.emit({ type: "revocation_ended", ...about(engine, grant), outcome: "failed" });
  const offer = async (): Promise<boolean> => {
    left = await revokeRound(engine, grant, left, 1);
    if (left.length === 0) await finish();
    return left.length === 0;
  };
  if (left.length === 0 && (await isTaken(finish))) return;
  const { pendingRevocations } = engine.shared;
  const key = `${grant.id} ${engine.newId()}`;
  remember(pendingRevocations, key, offer);
  const isDone = async (): Promise<boolean> => pendingRevocations.get(key) !== offer || (await offer());
  void offerAgain(engine, isDone, FIRST_OFFER_PAUSE_MS, MAX_OFFER_PAUSE_MS).finally(() =>
    pendingRevocations.delete(key),
  );
}

/**
 * Revokes each of the token sets, with that many tries.
 *
 * @returns Those that the server did not take. A server without an endpoint for it has taken them all.
 */
export async function revokeRound(
  engine: Engine,
  grant: GrantRecord,
  tokenSets: readonly TokenSet[],
  tries: number,
): Promise<readonly TokenSet[]> {
  const failed: TokenSet[] = [];
  for (const tokenSet of tokenSets) {
    const outcome = await revokeOne(engine, grant, tokenSet, tries);
    if (outcome === "failed") failed.push(tokenSet);
    else engine.emit({ type: "revocation_ended", ...about(engine, grant), outcome });
  }
  return failed;
}

async function revokeOne(
  { refresher, clock, newId }: Engine,
  grant: GrantRecord,
  tokenSet: TokenSet,
  tries: number,
): Promise<RevokeOutcome> {
  for (let tried = 0; tried < tries; tried++) {
    if (tried > 0) await clock.sleep(FIRST_PAUSE_MS * 2 ** (tried - 1));
    const deadline = new AbortController();
    const timer = new AbortController();
    const timeout = clock.sleep(TRY_TIMEOUT_MS, timer.signal).then(() => {
      deadline.abort();
      return "failed" as const;
    });
    const request = requestFor(grant, tokenSet, newId(), deadline.signal);
    // A refresher is foreign code: one that throws instead of rejecting must not spare the other token sets.
    const revoked = (async () => refresher.revoke(request))().catch(() => "failed" as const);
    const outcome = await Promise.race([revoked, timeout]);
    timer.abort();
    if (outcome !== "failed") return outcome;
  }
  return "failed";
}

async function isTaken(write: () => Promise<void>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch {
    return false;
  }
}
