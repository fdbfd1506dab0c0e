/**
 * Whether something happened to a session while a request for it was under way that the scheduler did not send itself: then
 * its answer may be older than what the tab knows, or be about somebody who has left (I13, F43).
 *
 * @module
 */
import { personOf, viewOf, type ClientSession } from "./session.ts";
import type { Peer } from "./sharing.ts";

/**
 * What an answer is overtaken by. `user`: another one is signed in since, or nobody. `view`: readers have seen something
 * newer of the same user. `doubt`: something may have happened, and a request that is to tell has not. A request that failed
 * says nothing.
 */
export type OvertakenBy = "user" | "view" | "doubt" | undefined;

/** Notes what a tab knows when such a request is sent. The returned function judges its answer when that is there. */
export function overtakenSince({
  latest,
  state,
}: Pick<Peer, "latest" | "state">): (answer: ClientSession) => OvertakenBy {
  const note = () => {
    const session = latest();
    return { user: session && personOf(session), view: session && viewOf(session), ...state() };
  };
  const before = note();
  return (answer) => {
    const { user, view, doubtedAt = before.doubtedAt } = note();
    if (user !== before.user) return "user";
    if (view !== before.view && view !== viewOf(answer)) return "view";
    return doubtedAt === before.doubtedAt ? undefined : "doubt";
  };
}
