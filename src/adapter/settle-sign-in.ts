/**
 * What a sign-in leaves to be ended once NextAuth is done with its request: the grants of the session before that the new
 * one does not keep, or its own where no session came of it.
 *
 * @module
 */
import { allTried } from "./all-tried.ts";
import type { App } from "./app.ts";
import { endReplacedInDatabase, unlessShared } from "./database-sign-in.ts";
import { grantsIn } from "./claim.ts";
import { reportFailure } from "./report.ts";
import { noteNewCookie, type HandlerContext } from "./request-context.ts";
import { endAdded } from "./session-grants.ts";

/** Ends what is to be ended. Never rejects. */
export async function settleSignIn(app: App, context: HandlerContext): Promise<void> {
  if (context.signedIn !== true) await endUnborn(app, context);
  else if (context.isRefused === true) await endRefused(app, context);
  else await endReplaced(app, context);
  await endLeft(app, context);
}

/** NextAuth may tell of a sign-in that the application's `jwt` callback refused, and has put no session in the place of the one before. */
async function endRefused(app: App, context: HandlerContext): Promise<void> {
  await endUnborn(app, { ...context, previous: undefined });
  const { stored: _ended, ...before } = context;
  await endReplaced(app, before);
}

/**
 * A new sign-in ends what the browser's session had before, also where it brings no token itself (SEC-11); except what the
 * new session keeps, because it is the same user's.
 */
async function endReplaced(app: App, context: HandlerContext): Promise<void> {
  try {
    if (context.database !== undefined) await endReplacedInDatabase(app, context.database, context);
    else await endReplacedByJwt(app, context);
  } catch (error) {
    reportFailure("The grants of the session before this sign-in could not be ended", error);
  }
}

async function endReplacedByJwt(app: App, { previous, stored, claim }: HandlerContext): Promise<void> {
  if (previous === undefined) return;
  const { grants } = await app.ready();
  const kept = new Set((claim ? grantsIn(claim) : []).map(({ handle }) => handle));
  const before = grantsIn(previous.claim);
  const gone = before.filter(({ handle }) => !kept.has(handle));
  const ownId = grants.idOf(previous.claim);
  if (kept.has(previous.claim.handle) && ownId !== undefined) noteNewCookie(ownId);
  if (gone.length === before.length)
    await grants.endSession(previous.claim, "replaced", unlessShared(stored));
  else await allTried(gone.map((each) => grants.end(each, "replaced", unlessShared(stored))));
}

/** Between the `signIn` callback, which stored the grant, and the cookie NextAuth or the application can still refuse. */
async function endUnborn(app: App, { previous, database, stored }: HandlerContext): Promise<void> {
  if (stored === undefined) return;
  try {
    const { grants } = await app.ready();
    // The session that the browser keeps may be the same user's, and share the consent that a revocation would end: not
    // now, and not by a later sweep, which goes by the reason.
    const isAlone = previous === undefined && database?.previous === undefined;
    await grants.end(stored.claim, isAlone ? "revoked" : "replaced", isAlone);
  } catch (error) {
    reportFailure(
      "The grant of a sign-in that failed could not be ended yet; it is ended as soon as the store is back",
      error,
    );
  }
}

/** Ends what was added to a session whose own grant was ended from outside before this sign-in. */
async function endLeft(app: App, { left, stored }: HandlerContext): Promise<void> {
  if (left === undefined) return;
  // The secrets did when it was found.
  await endAdded(app, left, "replaced", unlessShared(stored)).catch(() => undefined);
}
