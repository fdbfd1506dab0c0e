/**
 * `getAccessToken()` in all its forms: from the request that is being answered to a token of the signed-in user.
 *
 * @module
 */
import { InvalidOptionError, NotSignedInError, NoTokenError, isTokenError } from "../core/errors.ts";
import type { IssuedToken } from "../core/obtain-token.ts";
import type { App } from "./app.ts";
import { missingKey } from "./grants.ts";
import { currentRequest } from "./next-modules.ts";
import {
  isPrefetch,
  isRequestLike,
  requestSourceOf,
  type RequestLike,
  type RequestSource,
} from "./request-source.ts";
import { isSignedOut, sessionOf } from "./session-grants.ts";
import { leaveMarker, placeIn } from "./token-marker.ts";
import { isAccessTokenOptions, tokenAskOf, type AccessTokenOptions } from "./token-ask.ts";

/** An access token that has at least the asked life left. */
export type AccessToken = IssuedToken;

/** A function that is about the request which is being answered, in its forms. See the docstring of `withFreshTokens`. */
export interface RequestCall<Result> {
  /** In a server component, route handler or server action. */
  (options?: AccessTokenOptions): Promise<Result>;
  /** In a proxy or route handler (`Request`), with the context of `getServerSideProps`, or with a Pages Router request. */
  (request: RequestLike, options?: AccessTokenOptions): Promise<Result>;
  /**
   * In a Pages Router API route, or in a proxy with the response that it will return (`NextResponse.next()`). The response
   * gets the marker by which tabs learn of a renewal.
   */
  (request: RequestLike, response: object, options?: AccessTokenOptions): Promise<Result>;
}

/** `getAccessToken` in its forms. */
export type GetAccessToken = RequestCall<AccessToken>;

/** `renewAccessToken` in its forms: those of `getAccessToken`. */
export type RenewAccessToken = RequestCall<AccessToken>;

/** A grant found for a request. */
export interface FoundGrant {
  readonly grantId: string;
  /** NextAuth's provider id of the sign-in. */
  readonly provider: string;
  readonly source: RequestSource;
  /** The session's own grant, where this is another one. */
  readonly ownGrantId: string | undefined;
}

/** How a token is wanted. */
export interface Wish {
  /** Who asks, for events. */
  readonly door: string;
  /** Whether the token in hand is to be renewed first. */
  readonly renew?: boolean;
}

/** Binds `getAccessToken` to one application. */
export function createGetAccessToken(app: App): GetAccessToken {
  return async (...args: readonly unknown[]) => {
    const { request, options } = readArguments(args);
    const found = await findGrant(app, request, options.provider);
    const door = request === undefined ? "app-router" : "request";
    const token = await handOut(app, found, options, { door });
    await leaveMarker(app, found, options, token, placeIn(args));
    return token;
  };
}

/** Binds `renewAccessToken` to one application. */
export function createRenewAccessToken(app: App): RenewAccessToken {
  return async (...args: readonly unknown[]) => {
    const { request, options } = readArguments(args);
    const found = await findGrant(app, request, options.provider);
    const token = await handOut(app, found, options, { door: "renew", renew: true });
    await leaveMarker(app, found, options, token, placeIn(args));
    return token;
  };
}

/** A token of a grant that was found. Rejects with `TokenError`. */
export async function handOut(
  app: App,
  found: FoundGrant,
  options: AccessTokenOptions,
  { door, renew = false }: Wish,
): Promise<AccessToken> {
  const { grantId, provider, source } = found;
  const { manager, profileOf } = await app.ready();
  const ask = {
    ...tokenAskOf(options, provider, profileOf(provider)),
    mayRefresh: !isPrefetch(source),
    door,
  };
  return signedOutAsSuch(
    app,
    found,
    renew ? manager.renewToken(grantId, ask) : manager.getAccessToken(grantId, ask),
  );
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
  const session = await sessionOf(app, source);
  const own = session?.grants?.own;
  const named = provider === undefined ? own : await session?.grants?.grantOf(provider);
  if (own === undefined || named === undefined) {
    if (provider !== undefined) checkKnown(app, provider);
    if (session === null) throw new NotSignedInError();
    const problem = `The session has no access token of "${provider}": its user has not signed in with it`;
    throw new NoTokenError(provider === undefined ? undefined : problem);
  }
  if (named.id === undefined || own.id === undefined) throw missingKey();
  const ownGrantId = named.id === own.id ? undefined : own.id;
  return { grantId: named.id, provider: named.provider, source, ownGrantId };
}

/** @throws {@link InvalidOptionError} for an id that is none of NextAuth's providers. */
export function checkKnown({ host }: App, provider: string): void {
  const known = host.providerIds();
  if (known.includes(provider)) return;
  const names = known.map((each) => `"${each}"`).join(", ");
  throw new InvalidOptionError("provider", `must be the id of one of NextAuth's providers (${names})`);
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

/** `undefined` also where the store cannot say: what it last said of the grant that was added is recent as well (I6). */
async function endOf(app: App, grantId: string): Promise<string | undefined> {
  const { manager } = await app.ready();
  return manager.endReasonOf(grantId).catch(() => undefined);
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
