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
  const before = { session: latest(), ...state() };
  return () => {
    const now = { session: latest(), ...state() };
    const isDoubted = now.doubtedAt !== undefined && now.doubtedAt !== before.doubtedAt;
    const hasFailed = (now.failures ?? 0) > (before.failures ?? 0);
    return isDoubted || hasFailed || whose(now) !== whose(before);
  };
}

function whose({ session }: { readonly session: ReturnType<Peer["latest"]> }): string | undefined {
  return session ? personOf(session) : undefined;
}
