/**
 * What the application's own callback answered with nothing stays nothing: an app that shows nobody means it.
 *
 * `getAccessToken` does not run the application's callbacks, no more than NextAuth's `getToken` does. So this process keeps in
 * mind for which sessions they answered with nothing last, and gives no token for those until they are let in again.
 *
 * @module
 */

/** How many sessions are kept in mind, the latest ones. */
const MOST_DENIED = 10_000;

const key = Symbol.for("nolapse.denied-sessions.v1");
const holder = globalThis as unknown as Record<symbol, Set<string> | undefined>;
/** By the ids of their own grants. One per process, because Next bundles a module more than once. */
const denied = (holder[key] ??= new Set<string>());

/** Whether a callback returned no JWT. */
export function isNothing(answer: unknown): answer is undefined | null {
  return typeof answer !== "object" || answer === null;
}

/** Whether a session has nothing in it, so that nothing is added either. */
export function isEmpty(session: unknown): boolean {
  return isNothing(session) || Object.keys(session).length === 0;
}

/** Keeps in mind whether the application has shown somebody for a session, by the id of the session's own grant. */
export function noteAnswer(ownGrantId: string | undefined, isNobody: boolean): void {
  if (ownGrantId === undefined) return;
  denied.delete(ownGrantId);
  if (!isNobody) return;
  denied.add(ownGrantId);
  const [oldest] = denied;
  if (denied.size > MOST_DENIED && oldest !== undefined) denied.delete(oldest);
}

/** Whether the application showed nobody for a session at its last read in this process. */
export function isDenied(ownGrantId: string | undefined): boolean {
  return ownGrantId !== undefined && denied.has(ownGrantId);
}
