/**
 * Sessions that are rows of the application's adapter (`strategy: "database"`). There is no JWT to put a claim into: what
 * names the grants of a session is its token, the value of the cookie. Each grant is stored under a keyed hash of it, in one
 * of two places: that of the session's own grant, or that of those which were added. By either the other is found.
 *
 * @module
 */
import type { EndOptions } from "../core/end-grant.ts";
import type { EndReason, GrantRecord } from "../core/grant.ts";
import type { GrantSelector } from "../core/grant-store.ts";
import { hasExpired, sessionRowOf, type AdapterLike } from "./adapter-like.ts";
import { allTried } from "./all-tried.ts";
import type { ReadyApp } from "./app.ts";
import { isSignedOut, type FoundSession, type NamedGrant, type SessionGrants } from "./session-grants.ts";

/** Where a grant of a session is stored. */
export type Place = "own" | "added";

/** What {@link createDatabaseSessions} is built from. */
export interface DatabaseSessionsContext {
  /** The application's own adapter, without nolapse around it. */
  readonly adapter: () => AdapterLike | undefined;
  /** The providers at which a session may have grants. */
  readonly providerIds: () => readonly string[];
  readonly ready: () => Promise<Pick<ReadyApp, "manager" | "indexer">>;
  readonly nowMs: () => number;
}

/** What a grant is to be stored under. */
export interface NewRef {
  readonly keyId: string;
  readonly sessionRef: string | undefined;
}

/** The grants of database sessions. All rejections are `StoreFailedError` or `InvalidOptionError`. */
export interface DatabaseSessions {
  /** The session of a cookie's value; `null` if it has no row, its row has expired, or its user has signed out. */
  readonly find: (sessionToken: string) => Promise<FoundSession | null>;
  /** The grants of a session, `undefined` if there are none. Whether there is a row of it is not looked at. */
  readonly grantsOf: (sessionToken: string) => Promise<SessionGrants | undefined>;
  /** The live grants in a place, newest first. */
  readonly liveIn: (sessionToken: string, place: Place) => Promise<readonly GrantRecord[]>;
  /**
   * What a new grant is stored under, and the key of that: where the session has grants already, theirs, or a list of sessions
   * would show two.
   */
  readonly newRefOf: (sessionToken: string, place: Place) => Promise<NewRef>;
  /** Ends all grants of a session. */
  readonly end: (sessionToken: string, reason: EndReason, revoke?: EndOptions["revoke"]) => Promise<void>;
}

/** More than a session has in one place: a grant ends when another of its provider comes. */
const MOST_IN_A_PLACE = 50;
/** The places of a session's grants. */
export const PLACES: readonly Place[] = ["own", "added"];
const ADDED = ".added";

/** Binds the functions of this file to one application. */
export function createDatabaseSessions(context: DatabaseSessionsContext): DatabaseSessions {
  const { adapter, providerIds, ready, nowMs } = context;
  /** One for each secret: what was stored under an older one is found by that. */
  const selectorsOf = async (sessionToken: string, place: Place): Promise<readonly GrantSelector[]> => {
    const { indexer } = await ready();
    return indexer
      .keyIds()
      .map((keyId) => indexer.sessionRefOf(keyId, sessionToken))
      .filter((ownRef) => ownRef !== undefined)
      .map((ownRef) => ({ sessionRef: refIn(ownRef, place) }));
  };
  const search = async (
    sessionToken: string,
    place: Place,
    state: "live" | "ended",
  ): Promise<readonly GrantRecord[]> => {
    const { manager } = await ready();
    const selectors = await selectorsOf(sessionToken, place);
    const found = await foundIn(
      selectors.map((selector) =>
        manager.findGrants(selector, { state, limit: MOST_IN_A_PLACE, orLastRead: true }),
      ),
    );
    // What was replaced says nothing of the session: another grant came instead, or its sign-in came to nothing.
    return found.filter(({ endReason }) => endReason !== "replaced");
  };
  /** Mostly found under the newest secret: the older ones are asked only if not. */
  const liveOwnOf = async (sessionToken: string): Promise<GrantRecord | undefined> => {
    const { manager } = await ready();
    for (const selector of await selectorsOf(sessionToken, "own")) {
      const [live] = await manager.findGrants(selector, { limit: 1, orLastRead: true });
      if (live !== undefined) return live;
    }
    return undefined;
  };
  const ownOf = async (sessionToken: string): Promise<GrantRecord | undefined> => {
    // While the store is away, an older secret may be the one under which the grant was read of late.
    const away = async (): Promise<GrantRecord | undefined> => (await search(sessionToken, "own", "live"))[0];
    return (await liveOwnOf(sessionToken).catch(away)) ?? (await search(sessionToken, "own", "ended"))[0];
  };
  const grantsFrom = (sessionToken: string, own: GrantRecord): SessionGrants => {
    const added = (): Promise<readonly GrantRecord[]> => search(sessionToken, "added", "live");
    const ended = async (): Promise<readonly GrantRecord[]> =>
      (await Promise.all(PLACES.map((place) => search(sessionToken, place, "ended")))).flat();
    return {
      own: named(own),
      async others() {
        if (providerIds().every((provider) => provider === own.provider)) return [];
        return [...(await added()), ...(await ended().catch(() => []))]
          .filter((each, at, all) => all.findIndex(({ provider }) => provider === each.provider) === at)
          .filter(({ provider }) => provider !== own.provider)
          .map(named);
      },
      async grantOf(provider) {
        if (provider === own.provider) return named(own);
        const isOfProvider = (each: GrantRecord): boolean => each.provider === provider;
        const found = (await added()).find(isOfProvider) ?? (await ended()).find(isOfProvider);
        return found && named(found);
      },
    };
  };
  return {
    async grantsOf(sessionToken) {
      const own = await ownOf(sessionToken);
      return own && grantsFrom(sessionToken, own);
    },
    async find(sessionToken) {
      const row = await sessionRowOf(adapter() ?? {}, sessionToken);
      if (row === null || hasExpired(row, nowMs())) return null;
      const own = await ownOf(sessionToken);
      if (own?.endReason && isSignedOut(own.endReason)) return null;
      return { grants: own && grantsFrom(sessionToken, own) };
    },
    liveIn: (sessionToken, place) => search(sessionToken, place, "live"),
    async newRefOf(sessionToken, place) {
      const { indexer } = await ready();
      const before = await ownOf(sessionToken);
      const isBefores = (id: string): boolean =>
        indexer.sessionRefOf(id, sessionToken) === before?.sessionRef;
      const keyId = (before && indexer.keyIds().find(isBefores)) ?? indexer.newestKeyId();
      const ownRef = indexer.sessionRefOf(keyId, sessionToken);
      return { keyId, sessionRef: ownRef && refIn(ownRef, place) };
    },
    async end(sessionToken, reason, revoke = true) {
      const { manager } = await ready();
      const selectors = await Promise.all(PLACES.map((place) => selectorsOf(sessionToken, place)));
      await allTried(selectors.flat().map((selector) => manager.endGrants(selector, reason, { revoke })));
    },
  };
}

/** What was found under any of the secrets; rejects only if that is nothing, and one could not be asked. */
async function foundIn(asked: readonly Promise<readonly GrantRecord[]>[]): Promise<readonly GrantRecord[]> {
  const answers = await Promise.allSettled(asked);
  const found = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  const failed = answers.find((answer) => answer.status === "rejected");
  if (found.length === 0 && failed !== undefined) throw failed.reason as Error;
  return found;
}

/** What the grants in a place of a session are stored under. No keyed hash has a dot in it. */
export function refIn(ownRef: string, place: Place): string {
  return place === "own" ? ownRef : `${ownRef}${ADDED}`;
}

/** The place of a session's own grant, by that of any of its grants; a JWT's session has but that one. */
export function ownRefOf(sessionRef: string): string {
  return sessionRef.endsWith(ADDED) ? sessionRef.slice(0, -ADDED.length) : sessionRef;
}

function named({ id, provider }: GrantRecord): NamedGrant {
  return { id, provider, keyId: id.slice(0, id.indexOf(".")) };
}
