/**
 * What differs between NextAuth v4 and Auth.js v5, and nothing else: everything that `src/adapter` does is the same for both.
 *
 * @module
 */
import type { OAuthProviderConfig } from "../oauth/provider-config.ts";
import type { AdapterLike } from "./adapter-like.ts";
import type { SessionToken } from "./claim.ts";
import type { RequestSource } from "./request-source.ts";
import type { CookieReach } from "./session-cookie.ts";

/** A version of NextAuth, as the adapter sees it. */
export interface AuthHost {
  /** NextAuth's own secrets as they are in force, newest first. Read at first use. */
  readonly secrets: () => readonly string[];
  /** The name under which a missing secret is reported. */
  readonly secretName: string;
  /** The variable that tells NextAuth its own URL. */
  readonly urlName: string;
  /**
   * Comes before everything else that is asked of a host: finds the configuration where it is lazy. Rejects with
   * `InvalidOptionError` where the installed next-auth is not the version that this host is for.
   */
  readonly prepare: () => Promise<void>;
  /**
   * What a request's URL names below the base path, where NextAuth goes by the URL: the action (`session`, `callback`, ...),
   * and what comes behind it. Empty outside the base path.
   */
  readonly segmentsOf?: (url: string) => readonly string[];
  /** The cookies of a request as NextAuth itself reads them: of two with one name it goes by one (I8). */
  readonly cookiesOf: (source: RequestSource) => ReadonlyMap<string, string>;
  /** The name of the session cookie for a request. */
  readonly sessionCookieName: (source: RequestSource) => string;
  /** Where browsers send the session cookie. */
  readonly sessionCookieReach: (source: RequestSource) => CookieReach;
  /** Decodes a session cookie's value; `null` if it is no valid session. Never rejects. */
  readonly decodeSession: (value: string, cookieName: string) => Promise<SessionToken | null>;
  /** An OAuth provider of the application by id; `undefined` if there is none. */
  readonly oauthProvider: (id: string) => OAuthProviderConfig | undefined;
  /** The ids of all of the application's providers. */
  readonly providerIds: () => readonly string[];
  /** The ids of the application's OAuth providers. */
  readonly oauthProviderIds: () => readonly string[];
  /** The ids of the application's Credentials providers. */
  readonly credentialsProviderIds: () => readonly string[];
  /** Whether NextAuth takes what a `session` callback returned for nobody. */
  readonly showsNobody: (session: unknown) => boolean;
  /** How NextAuth keeps sessions: in a JWT, or as rows of the adapter. */
  readonly strategy: () => "jwt" | "database";
  /** The application's own adapter, without nolapse around it. */
  readonly adapter: () => AdapterLike | undefined;
  /** The token of a new session, as NextAuth makes it, where sessions are rows of the adapter. */
  readonly newSessionToken: () => Promise<string>;
  /** The origin at which browsers find the application, as NextAuth knows it. */
  readonly originOf: (source: RequestSource | undefined) => string;
  /** The page to send a user to whose sign-in could not be stored. Absolute. */
  readonly signInErrorUrl: (source: RequestSource | undefined) => string;
  /** How long a session lives without use, in milliseconds. */
  readonly sessionMaxAgeMs: number;
  /** Whether the `sub` of a JWT is the account's id at an OAuth provider, where there is no adapter. */
  readonly subIsAccountId: boolean;
  /** The name of the error that the guides put into the session. */
  readonly sessionErrorName: string;
}
