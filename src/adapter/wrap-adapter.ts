/**
 * nolapse around the application's adapter: no token gets into its accounts, and where sessions are its rows, it tells which
 * session is made, read and deleted.
 *
 * @module
 */
import type { EndReason } from "../core/grant.ts";
import { hasExpired, sessionRowOf, type AdapterLike, type SessionAndUser } from "./adapter-like.ts";
import type { App } from "./app.ts";
import { noteCreatedSession, unlessShared } from "./database-sign-in.ts";
import { reportFailure } from "./report.ts";
import { handlerContext } from "./request-context.ts";
import { beginProviderLogout, skipProviderLogout } from "./rp-initiated-logout.ts";
import type { SessionFields } from "./session-fields.ts";
import { isSignedOut } from "./session-grants.ts";
import { fieldsOf } from "./session-read.ts";
import { stripTokens } from "./strip-tokens.ts";

/** What a session read has found, until the `session` callback shows it. */
export interface ReadSession {
  readonly sessionToken: string;
  readonly fields: SessionFields;
  /** The id of the session's own grant; `undefined` if there is none, or it could not be read. */
  readonly ownGrantId: string | undefined;
}

/** By the user: v4's `session` callback gets that object, and not the session's token. */
const read = new WeakMap<object, ReadSession>();

/** What was found with a user who came from the wrapped adapter. */
export function readSessionOf(user: unknown): ReadSession | undefined {
  return typeof user === "object" && user !== null ? read.get(user) : undefined;
}

/** The adapter, wrapped. NextAuth calls its methods one by one, so all are the adapter's own but these. */
export function wrapAdapter<Adapter extends AdapterLike>(app: App, adapter: Adapter): Adapter {
  const linkAccount = (account: object): unknown => adapter.linkAccount?.(accountOf(app, account) as never);
  const keepsAccounts = adapter.linkAccount !== undefined && { linkAccount };
  if (app.host.strategy() !== "database") return { ...adapter, ...keepsAccounts };
  const wrapped: AdapterLike = {
    async createSession(session: { sessionToken: string }) {
      const made = (await adapter.createSession?.(session as never)) as { sessionToken?: string } | undefined;
      await noteCreatedSession(app, made?.sessionToken ?? session.sessionToken);
      return made;
    },
    getSessionAndUser: (sessionToken: string) => readSession(app, adapter, sessionToken),
    async deleteSession(sessionToken: string) {
      const leave = await beginSignOut(app, sessionToken);
      await endSession(app, adapter, sessionToken);
      await leave();
      return adapter.deleteSession?.(sessionToken);
    },
  };
  // What is not there stays so: NextAuth itself says at the start which methods an adapter lacks.
  const there = Object.entries(wrapped).filter(([name]) => adapter[name as keyof AdapterLike] !== undefined);
  return { ...adapter, ...keepsAccounts, ...Object.fromEntries(there) };
}

/** What comes by a refresh never gets into the adapter's account, so what came at the sign-in would only be stale there. */
function accountOf({ options }: App, account: object): object {
  if (options.keepAccountTokens === true) return account;
  const { access_token, refresh_token, id_token } = account as Record<string, unknown>;
  const tokens = [access_token, refresh_token, id_token].map((each) =>
    typeof each === "string" ? each : undefined,
  );
  return stripTokens(account, tokens).value;
}

async function readSession(
  app: App,
  adapter: AdapterLike,
  sessionToken: string,
): Promise<SessionAndUser | null> {
  const found = (await adapter.getSessionAndUser?.(sessionToken)) as SessionAndUser | null | undefined;
  if (!found) return null;
  const signsIn = handlerContext()?.action === "callback";
  if (hasExpired(found, Date.now())) {
    // A session read deletes it, but a sign-in would go on with it, and set a cookie that has expired already.
    return signsIn ? gone(app, adapter, sessionToken) : found;
  }
  if (signsIn) return (await isOver(app, sessionToken)) ? gone(app, adapter, sessionToken) : found;
  const grants = app.databaseSessions.grantsOf(sessionToken);
  const fields = await fieldsOf(app, () => grants);
  if (fields === undefined) return gone(app, adapter, sessionToken);
  const user = read.has(found.user) ? copyOf(found.user) : found.user;
  const ownGrantId = (await grants.catch(() => undefined))?.own.id;
  read.set(user, { sessionToken, fields, ownGrantId });
  return { ...found, user };
}

/** To NextAuth a session whose own grant was signed out elsewhere is none: its row goes with it. */
async function gone(app: App, adapter: AdapterLike, sessionToken: string): Promise<null> {
  await endSession(app, adapter, sessionToken);
  try {
    await adapter.deleteSession?.(sessionToken);
  } catch (error) {
    reportFailure(
      "The row of a session that has ended could not be deleted; it is refused all the same",
      error,
    );
  }
  return null;
}

/** What a sign-out does beside ending the session; nothing where the session is deleted for another reason. */
async function beginSignOut(app: App, sessionToken: string): Promise<() => Promise<void>> {
  const nothing = (): Promise<void> => Promise.resolve();
  if (handlerContext()?.action !== "signout") return nothing;
  try {
    const own = (await app.databaseSessions.grantsOf(sessionToken))?.own;
    return own ? await beginProviderLogout(app, own) : nothing;
  } catch {
    skipProviderLogout(app);
    return nothing;
  }
}

async function endSession(app: App, adapter: AdapterLike, sessionToken: string): Promise<void> {
  try {
    const row = await sessionRowOf(adapter, sessionToken).catch(() => null);
    // Where a sign-in comes upon a session that is over, it has stored its grant already.
    const revoke = unlessShared(handlerContext()?.stored);
    await app.databaseSessions.end(sessionToken, endReasonFor(row), revoke);
  } catch (error) {
    reportFailure(
      "A grant could not be ended at sign-out yet; it is refused here, and ended as soon as the store is back",
      error,
    );
  }
}

/** NextAuth deletes a session at sign-out, where its row has expired, or where another user signs in. */
function endReasonFor(row: SessionAndUser | null): EndReason {
  if (row !== null && hasExpired(row, Date.now())) return "expired";
  return handlerContext()?.action === "callback" ? "replaced" : "signed_out";
}

async function isOver(app: App, sessionToken: string): Promise<boolean> {
  try {
    const own = (await app.databaseSessions.grantsOf(sessionToken))?.own;
    const { manager } = await app.ready();
    const end = own?.id === undefined ? undefined : await manager.endReasonOf(own.id);
    return end !== undefined && isSignedOut(end);
  } catch {
    // The store is away: nobody is signed out by that (I6).
    return false;
  }
}

/** Some adapters give one object for all sessions of a user. */
function copyOf(user: object): object {
  return Object.create(
    Object.getPrototypeOf(user) as object | null,
    Object.getOwnPropertyDescriptors(user),
  ) as object;
}
