/**
 * What a sign-in leaves to be ended once NextAuth is done with its request: the grant of the session that it replaced, or
 * its own where no session came of it.
 *
 * @module
 */
import type { App } from "./app.ts";
import { reportFailure } from "./report.ts";
import type { HandlerContext } from "./request-context.ts";

/** Ends what is to be ended. Never rejects. */
export async function settleSignIn(app: App, context: HandlerContext): Promise<void> {
  if (context.signedIn === true) await endReplaced(app, context);
  else await endUnborn(app, context);
}

/** A new sign-in ends the grant that the browser's session had before, also where it brings no token itself (SEC-11). */
async function endReplaced(app: App, { previous, stored }: HandlerContext): Promise<void> {
  if (previous === undefined || previous.handle === stored?.claim.handle) return;
  try {
    const { grants } = await app.ready();
    // A second sign-in of one user may share the chain's consent at the server: revoking the old could end the new.
    await grants.end(
      previous,
      "replaced",
      ({ subjectRef }) => stored === undefined || subjectRef !== stored.subjectRef,
    );
  } catch (error) {
    reportFailure("The grant of the session before this sign-in could not be ended", error);
  }
}

/** Between the `signIn` callback, which stored the grant, and the cookie NextAuth or the application can still refuse. */
async function endUnborn(app: App, { previous, stored }: HandlerContext): Promise<void> {
  if (stored === undefined) return;
  try {
    const { grants } = await app.ready();
    // The session that the browser keeps may be the same user's, and share the consent that a revocation would end: not
    // now, and not by a later sweep, which goes by the reason.
    const isAlone = previous === undefined;
    await grants.end(stored.claim, isAlone ? "revoked" : "replaced", isAlone);
  } catch (error) {
    reportFailure(
      "The grant of a sign-in that failed could not be ended yet; it is ended as soon as the store is back",
      error,
    );
  }
}
