/**
 * What the pages of the App Router do with a missing token.
 *
 * @module
 */
import { redirect } from "next/navigation";

import { getAccessToken } from "@/lib/auth";
import { signInPath } from "@/lib/callback-url";
import type { OrdersOutcome } from "@/lib/orders";
import { needsSignIn, problemFrom, type Problem } from "@/lib/problems";

/** Sends the visitor to sign in, and back to `path` afterwards, if that is what the problem needs. */
export function redirectToSignIn(problem: Problem, path: string): void {
  if (needsSignIn(problem)) redirect(signInPath(path, problem.reason));
}

/** For a page that only signed-in visitors see. A store or a server that is away for a moment lets them in. */
export async function requireSignIn(path: string): Promise<void> {
  try {
    await getAccessToken();
  } catch (error) {
    redirectToSignIn(problemFrom(error), path);
  }
}

/** The outcome, unless it needs a sign-in. */
export function signedInOutcome(outcome: OrdersOutcome, path: string): OrdersOutcome {
  if (!outcome.ok) redirectToSignIn(outcome.problem, path);
  return outcome;
}
