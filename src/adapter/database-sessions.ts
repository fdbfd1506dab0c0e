/**
 * Sessions that are rows of the application's adapter (`strategy: "database"`). There is no JWT to put a claim into: what
 * names the grants of a session is its token, the value of the cookie. Each grant is stored under a keyed hash of it, in one
 * of two places: that of the session's own grant, or that of those which were added.
 *
 * @module
 */
import type { EndOptions } from "../core/end-grant.ts";
import type { FoundGrant } from "../core/find-grants.ts";
import type { EndReason } from "../core/grant.ts";
import type { GrantSelector } from "../core/grant-store.ts";
import { hasExpired, sessionRowOf, type AdapterLike } from "./adapter-like.ts";
import { allTried } from "./all-tried.ts";
import type { ReadyApp } from "./app.ts";
import type { SessionHandle } from "./claim.ts";
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

/** The grants of database sessions. All rejections are `StoreFailedError` or `InvalidOptionError`. */
export interface DatabaseSessions {
  /** The session of a cookie's value; `null` if it has no row, its row has expired, or its user has signed out. */
  readonly find: (sessionToken: string) => Promise<FoundSession | null>;
  /** The grants of a session, `undefined` if there are none. Whether there is a row of it is not looked at. */
  readonly grantsOf: (sessionToken: string) => Promise<SessionGrants | undefined>;
  /** The live grants in a place, newest first. */
  readonly liveIn: (sessionToken: string, place: Place) => Promise<readonly FoundGrant[]>;
  /** What a new grant is stored under. */
  readonly handleOf: (sessionToken: string, place: Place) => Promise<SessionHandle>;
  /** Ends all grants of a session. */
  readonly end: (sessionToken: string, reason: EndReason, revoke?: EndOptions["revoke"]) => Promise<void>;
}

/** More than a session has in one place: a grant ends when another of its provider comes. */
const MOST_IN_A_PLACE = 50;
const PLACES: readonly Place[] = ["own", "added"];

/** Binds the functions of this file to one application. */
export function createDatabaseSessions(context: DatabaseSessionsContext): DatabaseSessions {
  const { adapter, providerIds, ready, nowMs } = context;
  /** One for each secret: what was stored under an older one is found by that. */
  const selectorsOf = async (sessionToken: string, place: Place): Promise<readonly GrantSelector[]> => {
    const { indexer } = await ready();
    return indexer
      .keyIds()
      .map((keyId) => indexer.sessionRefOf(keyId, handleText(sessionToken, place)))
      .filter((sessionRef) => sessionRef !== undefined)
      .map((sessionRef) => ({ sessionRef }));
  };
  const search = async (
    sessionToken: string,
    place: Place,
    state: "live" | "ended",
  ): Promise<readonly FoundGrant[]> => {
    const { manager } = await ready();
    const selectors = await selectorsOf(sessionToken, place);
    const found = await foundIn(
      selectors.map((selector) => manager.findGrants(selector, state, MOST_IN_A_PLACE)),
    );
    // What was replaced says nothing of the session: another grant came instead, or its sign-in came to nothing.
    return found.filter(({ endReason }) => endReason !== "replaced");
  };
  /** Mostly found under the newest secret: the older ones are asked only if not. */
  const liveOwnOf = async (sessionToken: string): Promise<FoundGrant | undefined> => {
    const { manager } = await ready();
    for (const selector of await selectorsOf(sessionToken, "own")) {
      const [live] = await manager.findGrants(selector, "live", 1);
      if (live !== undefined) return live;
    }
    return undefined;
  };
  const ownOf = async (sessionToken: string): Promise<FoundGrant | undefined> => {
    // While the store is away, an older secret may be the one under which the grant was read of late.
    const away = async (): Promise<FoundGrant | undefined> => (await search(sessionToken, "own", "live"))[0];
    return (await liveOwnOf(sessionToken).catch(away)) ?? (await search(sessionToken, "own", "ended"))[0];
  };
  const grantsFrom = (sessionToken: string, own: FoundGrant): SessionGrants => {
    const added = (): Promise<readonly FoundGrant[]> => search(sessionToken, "added", "live");
    const ended = async (): Promise<readonly FoundGrant[]> =>
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
        const isOfProvider = (each: FoundGrant): boolean => each.provider === provider;
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
    async handleOf(sessionToken, place) {
      const { indexer } = await ready();
      return { handle: handleText(sessionToken, place), keyId: indexer.newestKeyId() };
    },
    async end(sessionToken, reason, revoke = true) {
      const { manager } = await ready();
      const selectors = await Promise.all(PLACES.map((place) => selectorsOf(sessionToken, place)));
      await allTried(selectors.flat().map((selector) => manager.endGrants(selector, reason, { revoke })));
    },
  };
}

/** What was found under any of the secrets; rejects only if that is nothing, and one could not be asked. */
async function foundIn(asked: readonly Promise<readonly FoundGrant[]>[]): Promise<readonly FoundGrant[]> {
  const answers = await Promise.allSettled(asked);
  const found = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  const failed = answers.find((answer) => answer.status === "rejected");
  if (found.length === 0 && failed !== undefined) throw failed.reason as Error;
  return found;
}

/** No cookie's value has a space in it, so that no session's token is what another one's added grants are found by. */
function handleText(sessionToken: string, place: Place): string {
  return place === "own" ? sessionToken : `${sessionToken} ${place}`;
}

function named({ id, provider }: FoundGrant): NamedGrant {
  return { id, provider, keyId: id.slice(0, id.indexOf(".")) };
}
