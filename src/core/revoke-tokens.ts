/**
 * Tells the authorization server that tokens are not needed any more. Best effort, bounded, never in anybody's way.
 *
 * @module
 */
import { about, requestFor, type Engine } from "./engine.ts";
import type { GrantRecord } from "./grant.ts";
import type { TokenSet } from "./token-set.ts";

const TRIES = 3;
const TRY_TIMEOUT_MS = 10_000;
const FIRST_PAUSE_MS = 1_000;

/**
 * Revokes token sets of a grant, each up to three times (RFC 7009).
 *
 * @returns Whether nothing is left to revoke: all are revoked, or the server has no endpoint for it.
 */
export async function revokeTokens(
  engine: Engine,
  grant: GrantRecord,
  tokenSets: readonly TokenSet[],
): Promise<boolean> {
  let done = true;
  for (const tokenSet of tokenSets) {
    const outcome = await revokeOne(engine, grant, tokenSet);
    engine.emit({ type: "revocation_ended", ...about(engine, grant), outcome });
    done &&= outcome !== "failed";
  }
  return done;
}

async function revokeOne(
  { refresher, clock, newId }: Engine,
  grant: GrantRecord,
  tokenSet: TokenSet,
): Promise<"revoked" | "unsupported" | "failed"> {
  for (let tried = 0; tried < TRIES; tried++) {
    if (tried > 0) await clock.sleep(FIRST_PAUSE_MS * 2 ** (tried - 1));
    const deadline = new AbortController();
    const timer = new AbortController();
    const timeout = clock.sleep(TRY_TIMEOUT_MS, timer.signal).then(() => {
      deadline.abort();
      return "failed" as const;
    });
    const outcome = await Promise.race([
      refresher.revoke(requestFor(grant, tokenSet, newId(), deadline.signal)).catch(() => "failed" as const),
      timeout,
    ]);
    timer.abort();
    if (outcome !== "failed") return outcome;
  }
  return "failed";
}
