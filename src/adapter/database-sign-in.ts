/**
 * A sign-in where sessions are rows of the adapter: which session its grant is stored for, before NextAuth has made or kept
 * one, and what is put right once it has.
 *
 * NextAuth keeps the session that the browser has, and makes a new one where there is none. The token of a new one is made
 * here, ahead of time, so that the tokens are stored before anything else happens, as for a JWT.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { InvalidOptionError } from "../core/errors.ts";
import type { GrantRecord } from "../core/grant.ts";
import {
  deleteSessionRow,
  hasExpired,
  isOfAnotherUser,
  sessionRowOf,
  type SessionAndUser,
} from "./adapter-like.ts";
import { allTried } from "./all-tried.ts";
import type { App } from "./app.ts";
import type { Place } from "./database-sessions.ts";
import type { SignIn, StoredGrant } from "./grants.ts";
import { reportFailure } from "./report.ts";
import { HOW_TO_WRAP, handlerContext, type DatabaseSignIn, type HandlerContext } from "./request-context.ts";
import type { AccountLike } from "./sign-in-tokens.ts";

/** What is known of a sign-in before NextAuth begins with it. Never rejects. */
export async function databaseSignInOf(app: App, sessionToken: string | undefined): Promise<DatabaseSignIn> {
  if (sessionToken === undefined) return { previous: undefined };
  const { databaseSessions, host } = app;
  try {
    return { previous: (await databaseSessions.find(sessionToken)) === null ? undefined : sessionToken };
  } catch {
    // The grants cannot be read: NextAuth goes by the row alone.
    const row: SessionAndUser | null = await sessionRowOf(host.adapter() ?? {}, sessionToken).catch(
      () => null,
    );
    return { previous: row === null || hasExpired(row, Date.now()) ? undefined : sessionToken };
  }
}

/**
 * Stores the tokens of a sign-in for the session that the browser has, or for the one that it is about to get.
 *
 * Rejects with `StoreFailedError`, or with `InvalidOptionError` outside the wrapped route.
 */
export async function storeForDatabase(app: App, signIn: SignIn, account: AccountLike): Promise<StoredGrant> {
  const database = handlerContext()?.database;
  if (database === undefined) {
    throw new InvalidOptionError(
      "session.strategy",
      `can only be "database" with the wrapped route: ${HOW_TO_WRAP}`,
    );
  }
  const { previous } = database;
  if (previous === undefined) {
    const sessionToken = (database.upcoming ??= await app.host.newSessionToken());
    return storeIn(app, database, { signIn, sessionToken, place: "own", replaced: [] });
  }
  if (await isOfAnotherUser(app.host.adapter() ?? {}, account, previous)) {
    // Until NextAuth refuses it, and for good if the process dies before, that session would give another user's tokens (I8).
    return storeIn(app, database, { signIn, sessionToken: randomUUID(), place: "own", replaced: [] });
  }
  const place = await placeFor(app, previous, signIn);
  const replaced = await replacedBy(app, previous, signIn, place);
  return storeIn(app, database, { signIn, sessionToken: previous, place, replaced });
}

/** The token for the session that NextAuth is making; `undefined` for one of its own. It is given away once. */
export function upcomingSessionToken(): string | undefined {
  const database = handlerContext()?.database;
  const token = database?.upcoming;
  if (database !== undefined) delete database.upcoming;
  return token;
}

/** Notes the session that NextAuth has made. If it kept none after all, the grant comes over to it. Never rejects. */
export async function noteCreatedSession(app: App, sessionToken: string): Promise<void> {
  const context = handlerContext();
  const database = context?.database;
  if (context === undefined || database === undefined) return;
  database.created = sessionToken;
  const { stored } = database;
  if (stored === undefined || context.stored === undefined || stored.sessionToken === sessionToken) return;
  try {
    const { grants } = await app.ready();
    const { claim } = context.stored;
    context.stored = await storeIn(app, database, { ...stored, sessionToken, place: "own", replaced: [] });
    // The same tokens are in both.
    await grants.end(claim, "replaced", false);
  } catch (error) {
    reportFailure("The tokens of a sign-in could not be stored", error);
  }
}

/** Ends what a sign-in has replaced: the session before, or in that session the grants whose place it took. */
export async function endReplacedInDatabase(
  app: App,
  { previous, created, stored }: DatabaseSignIn,
  { stored: grant }: HandlerContext,
): Promise<void> {
  const { databaseSessions, host } = app;
  const revoke = unlessShared(grant);
  if (previous !== undefined && created !== undefined && previous !== created) {
    await allTried([
      databaseSessions.end(previous, "replaced", revoke),
      deleteSessionRow(host.adapter() ?? {}, previous),
    ]);
  }
  if (stored === undefined || grant === undefined) return;
  const { manager } = await app.ready();
  await allTried(stored.replaced.map((id) => manager.endGrant(id, "replaced", { revoke })));
}

/** A second sign-in of one user may share the chain's consent at the server: revoking the old could end the new. */
export function unlessShared(
  stored: StoredGrant | undefined,
): (before: { readonly subjectRef: string | null }) => boolean {
  return ({ subjectRef }) => stored === undefined || subjectRef !== stored.subjectRef;
}

/** The session's own grant stays what it is, unless it is of no use any more, or of the same provider. */
async function placeFor(app: App, sessionToken: string, { provider }: SignIn): Promise<Place> {
  const own = (await app.databaseSessions.grantsOf(sessionToken))?.own;
  if (own?.id === undefined || own.provider === provider) return "own";
  const { manager } = await app.ready();
  return (await manager.endReasonOf(own.id)) === undefined ? "added" : "own";
}

/**
 * The grants of a session whose place a sign-in takes: those that are there before its own, so that of two sign-ins at once
 * neither ends the other's.
 */
async function replacedBy(
  { databaseSessions }: App,
  sessionToken: string,
  { provider }: SignIn,
  place: Place,
): Promise<readonly string[]> {
  const [own, added] = await Promise.all([
    databaseSessions.liveIn(sessionToken, "own"),
    databaseSessions.liveIn(sessionToken, "added"),
  ]);
  const isOfProvider = (each: GrantRecord): boolean => each.provider === provider;
  return [...(place === "own" ? own : own.filter(isOfProvider)), ...added.filter(isOfProvider)].map(
    ({ id }) => id,
  );
}

async function storeIn(
  app: App,
  database: DatabaseSignIn,
  stored: NonNullable<DatabaseSignIn["stored"]>,
): Promise<StoredGrant> {
  const { grants } = await app.ready();
  const { sessionRef, keyId } = await app.databaseSessions.newRefOf(stored.sessionToken, stored.place);
  const grant = await grants.store(stored.signIn, sessionRef, keyId);
  database.stored = stored;
  return grant;
}
