/**
 * Whether something happened to a session while a request for it was under way that the scheduler did not send itself: then
 * its answer may be older than what the tab knows, or be about somebody who has left (I13, F43).
 *
 * @module
 */
import { personOf } from "./session.ts";
import type { Peer } from "./sharing.ts";

/**
 * Notes what a tab knows when such a request is sent. The returned function, called with its answer, says whether that is
 * overtaken: another user is signed in since, or nobody, or a request that is to tell has been sent and has not.
 */
export function overtakenSince({ latest, state }: Pick<Peer, "latest" | "state">): () => boolean {
  const note = () => {
    const session = latest();
    return { user: session && personOf(session), ...state() };
  };
  const before = note();
  return () => {
    const { user, doubtedAt = before.doubtedAt, failures = 0 } = note();
    return user !== before.user || doubtedAt !== before.doubtedAt || failures > (before.failures ?? 0);
  };
}
