/**
 * The sessions of one user in the store, and their ends. A session is what the grants have in common that are stored under
 * one reference; a user's are those of which some grant is of an account of theirs.
 *
 * @module
 */
import { isTokenError, StoreFailedError } from "../core/errors.ts";
import type { GrantRecord } from "../core/grant.ts";
import type { TokenManager } from "../core/token-manager.ts";
import { ownRefOf, PLACES, refIn } from "./database-sessions.ts";

/** A session, by its grants in the store. */
export interface StoredSession {
  /** What the session's own grants are stored under. */
  readonly ownRef: string;
  /** Those that live, at least one. */
  readonly grants: readonly GrantRecord[];
}

/** How many sessions are ended at a time. */
const AT_ONCE = 20;
/** How often the store is asked what is left, each time for as many grants as it finds at once. */
const MAX_PASSES = 100;

/**
 * The sessions of a user, the newest first, each with those of its grants by which it was found. Rejects with
 * `StoreFailedError`.
 *
 * @param subjectRefs The user's accounts.
 */
export async function sessionsOf(
  manager: TokenManager,
  subjectRefs: readonly string[],
): Promise<readonly StoredSession[]> {
  const found = await Promise.all(subjectRefs.map((subjectRef) => manager.findGrants({ subjectRef })));
  const grantsOf = new Map<string, GrantRecord[]>();
  for (const grant of found.flat().filter(isLive)) {
    const ownRef = ownRefOf(grant.sessionRef);
    grantsOf.set(ownRef, [...(grantsOf.get(ownRef) ?? []), grant]);
  }
  return [...grantsOf]
    .map(([ownRef, grants]) => ({ ownRef, grants }))
    .sort((one, other) => signedInAtMs(other) - signedInAtMs(one));
}

/** A session with all of its live grants, also those of accounts that it was not found by. Rejects with `StoreFailedError`. */
export async function withAllGrants(manager: TokenManager, session: StoredSession): Promise<StoredSession> {
  const { ownRef } = session;
  const found = await Promise.all(
    PLACES.map((place) => manager.findGrants({ sessionRef: refIn(ownRef, place) })),
  );
  const grants = found.flat().filter(isLive);
  return grants.length === 0 ? session : { ownRef, grants };
}

/** When the oldest of a session's grants was stored, in epoch milliseconds. */
export function signedInAtMs({ grants }: StoredSession): number {
  return Math.min(...grants.map(({ createdAtMs }) => createdAtMs));
}

/**
 * Ends sessions, all grants of each, and has their tokens revoked. Resolves once the store has taken all of it.
 *
 * @returns How many of them had not ended before.
 * @throws {@link StoreFailedError} where the store did not take an end, which is then offered to it again.
 */
export async function endSessions(
  manager: TokenManager,
  sessions: readonly StoredSession[],
): Promise<number> {
  let ended = 0;
  for (let at = 0; at < sessions.length; at += AT_ONCE) {
    const some = sessions.slice(at, at + AT_ONCE);
    const ends = await Promise.allSettled(some.map((session) => endOne(manager, session)));
    ended += ends.filter((end) => end.status === "fulfilled" && end.value).length;
    const failed = ends.find((end) => end.status === "rejected");
    if (failed !== undefined) throw unfinished(failed.reason, ended, sessions.length);
  }
  return ended;
}

function unfinished(cause: unknown, ended: number, meant: number): unknown {
  if (!isTokenError(cause) || cause.code !== "store_failed") return cause;
  const message = `The store failed when ${ended} of ${meant} sessions had ended: call this again once it answers, until it resolves`;
  return new StoreFailedError(message, { cause });
}

/**
 * Ends the sessions of a user that are meant, until the store has none of them left: of more than it finds at once the
 * next ones follow.
 *
 * @returns How many.
 */
export async function endSessionsOfUser(
  manager: TokenManager,
  subjectRefs: readonly string[],
  isMeant: (session: StoredSession) => boolean,
): Promise<number> {
  let ended = 0;
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const left = (await sessionsOf(manager, subjectRefs)).filter(isMeant);
    if (left.length === 0) return ended;
    ended += await endSessions(manager, left);
  }
  throw new StoreFailedError(
    `Sessions of the user were left after ${ended} had ended: new ones come as fast. Lock the account, then call this again`,
  );
}

async function endOne(manager: TokenManager, { ownRef }: StoredSession): Promise<boolean> {
  const ends = await Promise.allSettled(
    PLACES.map((place) =>
      manager.endGrants({ sessionRef: refIn(ownRef, place) }, "revoked", { revoke: true }),
    ),
  );
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  return ends.some((end) => end.status === "fulfilled" && end.value > 0);
}

function isLive({ state }: GrantRecord): boolean {
  return state === "live";
}
