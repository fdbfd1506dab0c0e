/**
 * `getAccessToken()` in all its forms: from the request that is being answered to a token of the signed-in user.
 *
 * @module
 */
import { InvalidOptionError, NotSignedInError, NoTokenError, isTokenError } from "../core/errors.ts";
import type { IssuedToken } from "../core/obtain-token.ts";
import type { App } from "./app.ts";
import { claimOf, grantsIn, type GrantClaim, type SessionClaim, type SessionToken } from "./claim.ts";
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
import { isSignedOut } from "./session-read.ts";
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
  /** The session's own grant, where this is another one. */
  readonly ownGrantId: string | undefined;
}

/** Binds `getAccessToken` to one application. */
export function createGetAccessToken(app: App): GetAccessToken {
  return async (...args: readonly unknown[]) => {
    const { request, options } = readArguments(args);
    const found = await findGrant(app, request, options.provider);
    const { manager, profileOf } = await app.ready();
    return signedOutAsSuch(
      app,
      found,
      manager.getAccessToken(found.grantId, {
        ...tokenAskOf(options, found.provider, profileOf(found.provider)),
        mayRefresh: !isPrefetch(found.source),
        door: request === undefined ? "app-router" : "request",
      }),
    );
  };
}

/**
 * Finds the grant of the user who sent the request: the session's own, or that of a provider.
 *
 * @throws {@link NotSignedInError}, {@link NoTokenError}, `StoreFailedError` or `InvalidOptionError`.
 */
export async function findGrant(
  app: App,
  request: RequestLike | undefined,
  provider: string | undefined,
): Promise<FoundGrant> {
  const source = request === undefined ? await currentRequest() : requestSourceOf(request);
  const token = await readSession(app, source);
  const claim = token === null ? undefined : await claimIn(app, token);
  const named = claim && grantFor(claim, provider);
  if (named === undefined) {
    if (provider !== undefined) checkKnown(app, provider);
    if (token === null) throw new NotSignedInError();
    const problem = `The session has no access token of "${provider}": its user has not signed in with it`;
    throw new NoTokenError(provider === undefined ? undefined : problem);
  }
  const { grants } = await app.ready();
  const [grantId, ownGrantId] = [named, claim].map((each) => each && grants.idOf(each));
  if (grantId === undefined || ownGrantId === undefined) throw missingKey();
  const isOwn = grantId === ownGrantId;
  return { grantId, provider: named.provider, source, ownGrantId: isOwn ? undefined : ownGrantId };
}

async function claimIn(app: App, token: SessionToken): Promise<SessionClaim | undefined> {
  return claimOf(token) ?? (await (await app.ready()).grants.adopt(token))?.claim;
}

function grantFor(claim: SessionClaim, provider: string | undefined): GrantClaim | undefined {
  return grantsIn(claim).find((each) => provider === undefined || each.provider === provider);
}

function checkKnown({ host }: App, provider: string): void {
  const known = host.providerIds();
  if (known.includes(provider)) return;
  const names = known.map((each) => `"${each}"`).join(", ");
  throw new InvalidOptionError("provider", `must be the id of one of NextAuth's providers (${names})`);
}

/** The decoded session of a request; `null` if it has none. */
export async function readSession(app: App, source: RequestSource): Promise<SessionToken | null> {
  await app.host.prepare();
  const cookieName = app.host.sessionCookieName(source);
  const value = sessionCookieValue(source.cookies, cookieName);
  return value === undefined ? null : app.host.decodeSession(value, cookieName);
}

/**
 * A session whose user has signed out may still come in an old cookie: that is not being signed in, whichever of its grants
 * is asked for. The end of a grant that was added leaves the session as it is.
 */
export async function signedOutAsSuch<Result>(
  app: App,
  { ownGrantId }: FoundGrant,
  result: Promise<Result>,
): Promise<Result> {
  const [settled] = await Promise.allSettled([result]);
  const end = ownGrantId === undefined ? endTold(settled) : await endOf(app, ownGrantId);
  if (end !== undefined && isSignedOut(end)) {
    throw new NotSignedInError("The user has signed out; the request still carried the old session cookie");
  }
  if (settled.status === "rejected") throw settled.reason;
  return settled.value;
}

async function endOf(app: App, grantId: string): Promise<string | undefined> {
  return (await app.ready()).manager.endReasonOf(grantId);
}

function endTold(settled: PromiseSettledResult<unknown>): string | undefined {
  const error: unknown = settled.status === "rejected" ? settled.reason : undefined;
  return isTokenError(error) && "reason" in error ? String(error.reason) : undefined;
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
