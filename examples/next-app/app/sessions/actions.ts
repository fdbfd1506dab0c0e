"use server";
/**
 * Ends sessions of the signed-in user. Next runs a server action only for a POST that comes from the app's own pages, which
 * is what keeps other sites from ending anybody's sessions.
 *
 * @module
 */
import { revalidatePath } from "next/cache";

import { endAllSessions, endOtherSessions, endSession } from "@/lib/auth";
import { redirectToSignIn } from "@/lib/page-token";
import { problemFrom, type Problem } from "@/lib/problems";

const PATH = "/sessions";

/** Ends one session, by the reference that its user's page shows. `null` where all went well. */
export async function endOne(ref: string): Promise<Problem | null> {
  return outcomeOf(() => endSession(ref));
}

/** Ends all sessions but the one that asks. */
export async function endOthers(): Promise<Problem | null> {
  return outcomeOf(() => endOtherSessions());
}

/** Ends all sessions. The browser that asks still has its cookie, and signs out next. */
export async function endAll(): Promise<Problem | null> {
  return outcomeOf(() => endAllSessions(), false);
}

async function outcomeOf(end: () => Promise<unknown>, showsList = true): Promise<Problem | null> {
  try {
    await end();
  } catch (error) {
    const problem = problemFrom(error);
    redirectToSignIn(problem, PATH);
    return problem;
  }
  if (showsList) revalidatePath(PATH);
  return null;
}
