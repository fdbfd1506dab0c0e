/**
 * `fetch` with the user's access token: only to origins that the application listed, renewed once and sent again once
 * when the API rejects the token.
 *
 * @module
 */
import { InvalidOptionError } from "../core/errors.ts";
import type { App } from "./app.ts";
import { isPrefetch, type RequestLike } from "./request-source.ts";
import { findGrant, signedOutAsSuch } from "./token-access.ts";
import { leaveMarker, placeIn } from "./token-marker.ts";
import { tokenAskOf, type AccessTokenOptions } from "./token-ask.ts";

/** What {@link FetchWithToken} takes beside fetch's own arguments. */
export interface FetchWithTokenOptions extends AccessTokenOptions {
  /** The request that is being answered, outside the App Router. */
  readonly request?: RequestLike;
}

/**
 * As `fetch`, with `Authorization: Bearer <access token>`. Rejects as `getAccessToken` does, and with
 * `InvalidOptionError` for an origin that is not in `allowedOrigins`. A 401 renews the token once, however many calls
 * were rejected, and sends the request once more if its body can be sent again.
 */
export type FetchWithToken = (
  input: string | URL | Request,
  init?: RequestInit,
  options?: FetchWithTokenOptions,
) => Promise<Response>;

/** Binds `fetchWithToken` to one application. */
export function createFetchWithToken(app: App): FetchWithToken {
  const origins = new Set((app.options.allowedOrigins ?? []).map((origin) => new URL(origin).origin));
  return async (given, init = {}, { request, ...options } = {}) => {
    const input = allowedTarget(origins, given);
    const found = await findGrant(app, request, options.provider);
    const { grantId, provider, source } = found;
    const { manager, profileOf } = await app.ready();
    const mayRefresh = !isPrefetch(source);
    const ask = { ...tokenAskOf(options, provider, profileOf(provider)), mayRefresh, door: "fetch" };
    const token = await signedOutAsSuch(app, found, manager.getAccessToken(grantId, ask));
    const { accessToken } = token;
    const place = placeIn([request]);
    await leaveMarker(app, found, options, token, place);
    const again = isReplayable(input, init) && input instanceof Request ? input.clone() : input;
    const response = await send(input, init, accessToken);
    if (response.status !== 401 || !mayRefresh) return response;
    const renewed = await manager.renewRejected(grantId, accessToken, ask).catch(() => undefined);
    if (renewed !== undefined) await leaveMarker(app, found, options, renewed, place);
    if (renewed === undefined || renewed.accessToken === accessToken || !isReplayable(again, init))
      return response;
    await response.body?.cancel();
    return send(again, init, renewed.accessToken);
  };
}

/** What is asked, fixed: an address that the caller changes later must not take the token elsewhere (SEC-53). */
function allowedTarget(origins: ReadonlySet<string>, given: string | URL | Request): string | Request {
  const address = given instanceof Request ? given.url : String(given);
  const url = URL.canParse(address) ? new URL(address) : undefined;
  // The origin of a blob: address is that of the page that made it.
  if (url !== undefined && /^https?:$/.test(url.protocol) && origins.has(url.origin)) {
    return given instanceof Request ? given : url.href;
  }
  throw new InvalidOptionError(
    "allowedOrigins",
    `must list every origin that may see the user's token; ${url?.origin ?? "a relative URL"} is not in it`,
  );
}

async function send(input: string | Request, init: RequestInit, accessToken: string): Promise<Response> {
  const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
  headers.set("authorization", `Bearer ${accessToken}`);
  // A cached answer of an API would be one user's data in another user's page (F41).
  return fetch(input, { cache: "no-store", ...init, headers });
}

/** Whether a request can be sent a second time: a stream is gone after the first. */
function isReplayable(input: string | Request, { body }: RequestInit): boolean {
  if (body === undefined || body === null) return !(input instanceof Request) || !input.bodyUsed;
  // Web streams, Node's streams and generators alike.
  return typeof body !== "object" || !(Symbol.asyncIterator in body || "getReader" in body || "pipe" in body);
}
