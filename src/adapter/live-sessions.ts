/**
 * A user's own list of live sessions, and the functions that end them, for an application to put behind a page of its own.
 *
 * @module
 */
import {
  InvalidOptionError,
  NoTokenError,
  NotSignedInError,
  ReauthenticationRequiredError,
} from "../core/errors.ts";
import { grantRefOf } from "../core/grant.ts";
import { grantIssuerOf, type OAuthProviderConfig } from "../oauth/provider-config.ts";
import type { App, ReadyApp } from "./app.ts";
import { ownRefOf } from "./database-sessions.ts";
import { missingKey } from "./grants.ts";
import { currentRequest } from "./next-modules.ts";
import { requestSourceOf, type RequestLike } from "./request-source.ts";
import { isSignedOut, sessionOf, type NamedGrant } from "./session-grants.ts";
import { checkKnown } from "./token-access.ts";
import {
  endSessions,
  endSessionsOfUser,
  sessionsOf,
  signedInAtMs,
  withAllGrants,
  type StoredSession,
} from "./user-sessions.ts";

/** One live session of a user. Safe to put into that user's page. */
export interface ListedSession {
  /** Names the session to `endSession`, while the same user is signed in. It opens nothing, and means nothing to anybody else. */
  readonly ref: string;
  /** Whether it is the session of the request. */
  readonly isThisSession: boolean;
  /** NextAuth's ids of the providers of which it has a live grant, in the order of the sign-ins. */
  readonly providers: readonly string[];
  /** When the oldest of its live grants was stored: its sign-in, in epoch milliseconds. */
  readonly signedInAtMs: number;
  /** When its newest access token was asked for, in epoch milliseconds: at a sign-in, or since then for somebody who used it. */
  readonly lastRefreshAtMs: number;
  /** When the last of its grants reaches the end that nothing extends, in epoch milliseconds. */
  readonly absoluteEndMs: number;
}

/** A user as the authorization server names them. */
export interface SessionUser {
  /** NextAuth's id of the provider. */
  readonly provider: string;
  /** `sub` of the ID token; where the provider gives none, what NextAuth's adapters call `providerAccountId`. */
  readonly subject: string;
  /** `iss` of the ID token, where it is not the provider's configured issuer, such as the one of a user's tenant. */
  readonly issuer?: string;
}

/**
 * The functions. Those that take a request read the current one without it, as `getAccessToken` does. All reject with a
 * `TokenError`: `store_failed` where the store is away, or a secret of the session is missing here, in which case not all that
 * was asked for is done;
 * `not_signed_in`, `no_token` where the session has no grant or its sign-in named no user, `reauthentication_required`
 * where the session's own grant has ended or the store does not know it, and `invalid_option`.
 */
export interface LiveSessions {
  /**
   * The signed-in user's live sessions in all browsers: the one of the request first, then the newest, at most 100. A
   * session is the user's if it has a grant of an account that the session of the request has a grant of. One without a
   * live grant is not known here.
   */
  readonly listSessions: (request?: RequestLike) => Promise<readonly ListedSession[]>;
  /**
   * Ends one of the signed-in user's sessions, by the `ref` of the list: at NextAuth's next read of it nobody is signed in,
   * and its tokens are revoked. `false`, and nothing is done, for one that has ended, another user's, or no ref at all. To
   * be called for a POST that the browser's origin was checked for, such as a server action's.
   */
  readonly endSession: (ref: string, request?: RequestLike) => Promise<boolean>;
  /** {@link LiveSessions.endSession} for all sessions of the signed-in user but the one of the request. Resolves to how many. */
  readonly endOtherSessions: (request?: RequestLike) => Promise<number>;
  /** {@link LiveSessions.endSession} for all sessions of the signed-in user. Resolves to how many. */
  readonly endAllSessions: (request?: RequestLike) => Promise<number>;
  /**
   * {@link LiveSessions.endSession} for all sessions of any user, for an administrator or a job: no request is looked at.
   * Who may call it is for the application to check. Resolves to how many.
   */
  readonly endSessionsOf: (user: SessionUser) => Promise<number>;
}

/** The user who sent a request. */
interface SignedIn {
  readonly ready: ReadyApp;
  /** What the own grants of the session of the request are stored under. */
  readonly ownRef: string;
  /** The user's accounts, by every key of the ring. */
  readonly subjectRefs: readonly string[];
}

/** How many sessions are listed, and how many of them are read at a time: a page must not take all of the store's connections. */
const MAX_LISTED = 100;
const READ_AT_ONCE = 4;

/** Binds the functions to one application. */
export function createLiveSessions(app: App): LiveSessions {
  const endThose = async (request: RequestLike | undefined, withThis: boolean): Promise<number> => {
    const { ready, ownRef, subjectRefs } = await signedInAt(app, request);
    return endSessionsOfUser(ready.manager, subjectRefs, (each) => withThis || each.ownRef !== ownRef);
  };
  return {
    listSessions: async (request) => listed(app, await signedInAt(app, request)),
    async endSession(ref, request) {
      const { ready, subjectRefs } = await signedInAt(app, request);
      const { manager, indexer } = ready;
      const all = await sessionsOf(manager, subjectRefs);
      const meant = all.filter(({ ownRef }) => indexer.pageRefsOf(ownRef).includes(ref));
      return (await endSessions(manager, meant)) > 0;
    },
    endOtherSessions: (request) => endThose(request, false),
    endAllSessions: (request) => endThose(request, true),
    async endSessionsOf(user) {
      const { manager, indexer } = await app.ready();
      const subjectRefs = issuersOf(app, user).flatMap((issuer) =>
        indexer.subjectRefsOf(issuer, user.subject),
      );
      return endSessionsOfUser(manager, subjectRefs, () => true);
    },
  };
}

async function signedInAt(app: App, request: RequestLike | undefined): Promise<SignedIn> {
  const source = request === undefined ? await currentRequest() : requestSourceOf(request);
  const found = await sessionOf(app, source);
  if (found === null) throw new NotSignedInError();
  if (found.grants === undefined) throw new NoTokenError();
  const ready = await app.ready();
  const { own, others } = found.grants;
  if (own.id === undefined) throw missingKey();
  const ownGrant = await ready.manager.grantOf(own.id);
  const end = ownGrant === undefined ? "missing" : ownGrant.endReason;
  if (end !== null && isSignedOut(end)) throw new NotSignedInError();
  // The server may have ended it because the browser is in the wrong hands.
  if (ownGrant === undefined || end !== null)
    throw new ReauthenticationRequiredError(grantRefOf(own.id), end ?? "missing");
  // Only what the request itself names: an older cookie does not lead to what was added to its session since.
  const named = [own, ...(await others())];
  const subjectRefs = (await Promise.all(named.map((each) => accountOf(ready, each)))).flat();
  if (subjectRefs.length === 0) {
    throw new NoTokenError(
      "Whose session this is, is not known: its sign-in named no user. Return an id from authorize",
    );
  }
  return { ready, ownRef: ownRefOf(ownGrant.sessionRef), subjectRefs: [...new Set(subjectRefs)] };
}

/** The account of a live grant, by every key of the ring. Without it not all of the user's sessions would be known. */
async function accountOf({ manager, indexer }: ReadyApp, { id }: NamedGrant): Promise<readonly string[]> {
  if (id === undefined) throw missingKey();
  const user = await manager.userOf(id);
  return user === undefined ? [] : indexer.subjectRefsOf(user.issuer, user.subject);
}

async function listed(app: App, { ready, ownRef, subjectRefs }: SignedIn): Promise<readonly ListedSession[]> {
  const { manager, indexer } = ready;
  const all = await sessionsOf(manager, subjectRefs);
  const isHere = (session: StoredSession): boolean => session.ownRef === ownRef;
  const entryOf = async (each: StoredSession): Promise<ListedSession> => {
    const whole = app.host.providerIds().length === 1 ? each : await withAllGrants(manager, each);
    const grants = [...whole.grants].sort((one, other) => one.createdAtMs - other.createdAtMs);
    return {
      ref: indexer.pageRefsOf(each.ownRef)[0],
      isThisSession: isHere(each),
      providers: [...new Set(grants.map(({ provider }) => provider))],
      signedInAtMs: signedInAtMs(whole),
      lastRefreshAtMs: Math.max(...grants.map(({ accessTokenIssuedAtMs }) => accessTokenIssuedAtMs)),
      absoluteEndMs: Math.max(...grants.map(({ absoluteEndMs }) => absoluteEndMs)),
    };
  };
  const there = all.filter((session) => !isHere(session) && hasTimeLeft(session));
  const shown = [...all.filter(isHere), ...there].slice(0, MAX_LISTED);
  const entries: ListedSession[] = [];
  for (let at = 0; at < shown.length; at += READ_AT_ONCE) {
    const some = shown.slice(at, at + READ_AT_ONCE);
    entries.push(...(await Promise.all(some.map(entryOf))));
  }
  return entries;
}

function hasTimeLeft({ grants }: StoredSession): boolean {
  return grants.some(({ slidingEndMs }) => slidingEndMs > Date.now());
}

/** The names under which a provider's users may be known: tokens name an issuer, and a configuration may do otherwise. */
function issuersOf(app: App, { provider, subject, issuer }: SessionUser): readonly string[] {
  checkKnown(app, provider);
  if (typeof subject !== "string" || subject === "")
    throw new InvalidOptionError(
      "subject",
      "must be the user's id at the provider, a text that is not empty",
    );
  const config = app.host.oauthProvider(provider);
  const configured = config === undefined ? [`provider:${provider}`] : configuredIssuersOf(config);
  return [...new Set([...(issuer === undefined ? [] : [issuer]), ...configured])];
}

function configuredIssuersOf(config: OAuthProviderConfig): readonly string[] {
  const named = grantIssuerOf(config);
  const discovered = config.wellKnown?.replace(/\/\.well-known\/openid-configuration$/, "");
  const bare = [named, discovered]
    .filter((each) => each !== undefined)
    .map((each) => each.replace(/\/$/, ""));
  return [named, ...bare, ...bare.map((each) => `${each}/`)];
}
