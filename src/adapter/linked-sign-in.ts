/**
 * A sign-in in a browser that is signed in already: whether it is the same user, and which grants the session has then.
 *
 * NextAuth makes a new JWT at each sign-in. Where it is the same user, the new one names the grants of the one before, too,
 * so that a second provider adds to the first instead of taking its place.
 *
 * @module
 */
import { belongsToAnother } from "./adapter-like.ts";
import type { App } from "./app.ts";
import {
  grantsIn,
  sessionClaim,
  sessionHandleOf,
  withoutClaim,
  type GrantClaim,
  type SessionClaim,
  type SessionHandle,
  type SessionToken,
} from "./claim.ts";
import { reportFailure } from "./report.ts";
import type { PreviousSession } from "./request-context.ts";
import type { AccountLike } from "./sign-in-tokens.ts";

/**
 * What a sign-in's grant is stored under as long as only NextAuth knows who the user is: the session before, if the new one
 * may come to keep other grants of it; `undefined` for a session of its own. Rejects with `StoreFailedError` where the database
 * of the adapter does not answer.
 */
export async function joinedSession(
  app: App,
  previous: PreviousSession | undefined,
  account: AccountLike,
): Promise<SessionHandle | undefined> {
  if (previous === undefined || !mayBeSameUser(app, account)) return undefined;
  if (othersOf(previous.claim, account.provider).length === 0) return undefined;
  const adapter = app.host.adapter();
  const { sub } = previous.token;
  // Until NextAuth refuses it, and for good if the process dies before, the other user would have that session in their list (I8).
  const isRefused = adapter !== undefined && isText(sub) && (await belongsToAnother(adapter, account, sub));
  return isRefused ? undefined : sessionHandleOf(previous.claim);
}

/**
 * Whether a sign-in is by the user of the session before. Without a word from the application, only an adapter makes `sub`
 * a user's: without one it is the account at one provider, and another one's may be called the same (SEC-45).
 *
 * @param now The JWT that the application's own callback returned for the sign-in.
 */
export async function isSameUser(
  app: App,
  { token: before }: PreviousSession,
  now: SessionToken,
  account: AccountLike,
): Promise<boolean> {
  const { options } = app;
  if (options.isSameUser === undefined) {
    return mayBeSameUser(app, account) && isText(before["sub"]) && before["sub"] === now["sub"];
  }
  try {
    const verdict: unknown = await options.isSameUser(withoutClaim(before), withoutClaim(now));
    return verdict === true;
  } catch (error) {
    reportFailure("isSameUser failed, so the sign-in counts as another user's", error);
    return false;
  }
}

/**
 * The claim of a session after one more sign-in of its user. The session's own grant stays what it is, as code that names
 * no provider goes on getting the token that it got before; unless it is of no use any more, or of the same provider.
 *
 * @param stored The grant of the sign-in; `undefined` if that brought no tokens.
 */
export function claimAfterSignIn(
  { claim: before, isUsable }: Pick<PreviousSession, "claim" | "isUsable">,
  stored: GrantClaim | undefined,
): SessionClaim {
  if (stored === undefined) return before;
  const others = othersOf(before, stored.provider);
  const staysOwn = isUsable && before.provider !== stored.provider;
  const [own, linked] = staysOwn ? [before, [...others.slice(1), stored]] : [stored, others];
  return sessionClaim(own, linked, others.length > 0 ? sessionHandleOf(before) : undefined);
}

/** A Credentials login tells its user's id by itself: no adapter vouches for it. */
function mayBeSameUser({ host, options }: App, { type }: AccountLike): boolean {
  return options.isSameUser !== undefined || (host.adapter() !== undefined && type !== "credentials");
}

function othersOf(claim: SessionClaim, provider: string): readonly GrantClaim[] {
  return grantsIn(claim).filter((each) => each.provider !== provider);
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}
