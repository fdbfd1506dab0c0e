/**
 * `getAccessToken()` in all its forms: from the request that is being answered to a token of the signed-in user.
 *
 * @module
 */
import { NotSignedInError, NoTokenError, isTokenError } from "../core/errors.ts";
import type { IssuedToken } from "../core/obtain-token.ts";
import type { App } from "./app.ts";
import { isSignedOut } from "./callbacks.ts";
import { claimOf, type SessionToken } from "./claim.ts";
import { missingKey } from "./grants.ts";
import { currentRequest } from "./next-modules.ts";
import {
  isPrefetch,
  isRequestLike,
  requestSourceOf,
  type RequestLike,
  type RequestSource,
} from "./request-source.ts";
import { sessionCookieValue } from "./session-cookie.ts";
import { isAccessTokenOptions, tokenAskOf, type AccessTokenOptions } from "./token-ask.ts";

/** An access token that has at least the asked life left. */
export type AccessToken = IssuedToken;

/** `getAccessToken` in its forms. See the docstring of `withFreshTokens`. */
export interface GetAccessToken {
  /** In a server component, route handler or server action. */
  (options?: AccessTokenOptions): Promise<AccessToken>;
  /** In a proxy or route handler (`Request`), with the context of `getServerSideProps`, or with a Pages Router request. */
  (request: RequestLike, options?: AccessTokenOptions): Promise<AccessToken>;
  /** In a Pages Router API route. The response is not used; it is taken so that the call looks like NextAuth's. */
  (request: RequestLike, response: object, options?: AccessTokenOptions): Promise<AccessToken>;
}

/** A grant found for a request. */
export interface FoundGrant {
  readonly grantId: string;
  /** NextAuth's provider id of the sign-in. */
  readonly provider: string;
  readonly source: RequestSource;
}

/** Binds `getAccessToken` to one application. */
export function createGetAccessToken(app: App): GetAccessToken {
  return async (...args: readonly unknown[]) => {
    const { request, options } = readArguments(args);
    const found = await findGrant(app, request);
    const { manager, profileOf } = await app.ready();
    return signedOutAsSuch(
      manager.getAccessToken(found.grantId, {
        ...tokenAskOf(options, found.provider, profileOf(found.provider)),
        mayRefresh: !isPrefetch(found.source),
        door: request === undefined ? "app-router" : "request",
      }),
    );
  };
}

/**
 * Finds the grant of the user who sent the request.
 *
 * @throws {@link NotSignedInError}, {@link NoTokenError}, `StoreFailedError` or `InvalidOptionError`.
 */
export async function findGrant(app: App, request: RequestLike | undefined): Promise<FoundGrant> {
  const source = request === undefined ? await currentRequest() : requestSourceOf(request);
  const token = await readSession(app, source);
  if (token === null) throw new NotSignedInError();
  const { grants } = await app.ready();
  const claim = claimOf(token) ?? (await grants.adopt(token))?.claim;
  if (claim === undefined) throw new NoTokenError();
  const grantId = grants.idOf(claim);
  if (grantId === undefined) throw missingKey();
  return { grantId, provider: claim.provider, source };
}

/** The decoded session of a request; `null` if it has none. */
export async function readSession(app: App, source: RequestSource): Promise<SessionToken | null> {
  await app.host.prepare();
  const cookieName = app.host.sessionCookieName(source);
  const value = sessionCookieValue(source.cookies, cookieName);
  return value === undefined ? null : app.host.decodeSession(value, cookieName);
}

/** A session whose user has signed out may still come in an old cookie: that is not being signed in. */
export async function signedOutAsSuch<Result>(result: Promise<Result>): Promise<Result> {
  try {
    return await result;
  } catch (error) {
    if (isTokenError(error) && "reason" in error && isSignedOut(String(error.reason))) {
      throw new NotSignedInError("The user has signed out; the request still carried the old session cookie");
    }
    throw error;
  }
}

function readArguments(args: readonly unknown[]): {
  request: RequestLike | undefined;
  options: AccessTokenOptions;
} {
  const [first, ...rest] = args;
  const request = isRequestLike(first) ? first : undefined;
  const candidates = request === undefined ? [first] : rest;
  return { request, options: candidates.findLast(isAccessTokenOptions) ?? {} };
}
