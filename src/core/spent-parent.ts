/**
 * The refresh token that two requests have spent, kept for the case that the wrong one of them was stored.
 *
 * Where only the newest pair of a server stays valid (`last_wins`, P4), the pair that is stored first need not be the one
 * that lives: whoever took the lease over meanwhile may have sent later, and may have died with the answer. The refresh
 * token that both spent still brings a pair then, as long as the server's window is open, so it is kept as a candidate.
 *
 * @module
 */
import type { Candidate, GrantRecord } from "./grant.ts";
import { resendWindowMs, type RotationPolicy } from "./rotation.ts";
import { sendNameOf, type SendName } from "./single-flight.ts";

const MARK = ".parent";

/** How the spent refresh token is named among the candidates. */
export function parentNameOf(sent: SendName): string {
  return `${sendNameOf(sent)}${MARK}`;
}

/** Whether a candidate is not a fresh refresh token but a spent one, which helps within the server's window only. */
export function isSpentParent({ attemptId }: Pick<Candidate, "attemptId">): boolean {
  return attemptId.endsWith(MARK);
}

/**
 * Whether another holder may have sent the same refresh token later than the request whose answer has just been stored.
 *
 * @param stored The row with that answer in it.
 */
export function mayBeOutlived(stored: GrantRecord, sent: SendName, policy: RotationPolicy): boolean {
  return policy.class === "last_wins" && stored.fence > sent.lease.fence;
}

/** Whether that is still to be found out, while the window is open: by a refresh with the pair that was stored. */
export function isInDoubt(grant: GrantRecord, storeNowMs: number, policy: RotationPolicy): boolean {
  return grant.candidates.some(
    (one) =>
      isSpentParent(one) &&
      one.version === grant.version &&
      storeNowMs - one.keptAtMs < resendWindowMs(policy),
  );
}
