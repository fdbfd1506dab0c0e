/**
 * `createTokenHandler`: the route through which a page calls an API without a token in the browser.
 *
 * @see [OAuth 2.0 for Browser-Based Applications, section 6.1](https://datatracker.ietf.org/doc/html/draft-ietf-oauth-browser-based-apps#section-6.1) - backend for frontend
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { TokenManager } from "../../core/token-manager.ts";
import type { App } from "../app.ts";
import { isPrefetch, requestSourceOf, type RequestLike } from "../request-source.ts";
import { findGrant, signedOutAsSuch } from "../token-access.ts";
import { tokenAskOf } from "../token-ask.ts";
import { leaveMarker } from "../token-marker.ts";
import { answerOf, answerOfError } from "./answers.ts";
import { beginCall, type Call } from "./call.ts";
import { checkTokenHandler, type CheckedApi, type CheckedOptions } from "./check.ts";
import { forward, type TokenSource } from "./forward.ts";
import { refusalOf } from "./guard.ts";
import type { TokenHandlerOptions } from "./options.ts";
import { nodeCall } from "./pages-router.ts";
import { askedPath, pathToSend, patternFor } from "./path.ts";
import type { Bytes } from "./streams.ts";

/** A route handler of the App Router. Never rejects. */
export type TokenHandlerRoute = (request: Request) => Promise<Response>;

/** A token handler in both routers' forms. */
export interface TokenHandler {
  readonly GET: TokenHandlerRoute;
  readonly HEAD: TokenHandlerRoute;
  readonly POST: TokenHandlerRoute;
  readonly PUT: TokenHandlerRoute;
  readonly PATCH: TokenHandlerRoute;
  readonly DELETE: TokenHandlerRoute;
  /** An API route of the Pages Router, which needs `config.api.bodyParser: false`. Never rejects. */
  readonly pages: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
}

/**
 * Makes a token handler.
 *
 * @throws `InvalidOptionError` for options that cannot work, naming the option and the fix.
 */
export type CreateTokenHandler = (options: TokenHandlerOptions) => TokenHandler;

/** A request of a page, whatever router it came by. */
export interface PageCall {
  readonly method: string;
  /** Absolute, or with any origin: only path and query count. */
  readonly url: string;
  readonly headers: Headers;
  /** The same request, with its cookies as its router reads them. */
  readonly request: RequestLike;
  /** Its body, untouched until then: what nobody reads Node throws away by itself. */
  readonly body: () => Bytes | null;
  readonly signal: AbortSignal;
}

/** Binds `createTokenHandler` to one application. */
export function createTokenHandlerOf(app: App): CreateTokenHandler {
  return (options) => {
    const checked = checkTokenHandler(options);
    const route: TokenHandlerRoute = (request) => answerTo(app, checked, webCall(request));
    return {
      ...{ GET: route, HEAD: route, POST: route, PUT: route, PATCH: route, DELETE: route },
      pages: (request, response) => nodeCall(request, response, (call) => answerTo(app, checked, call)),
    };
  };
}

async function answerTo(app: App, options: CheckedOptions, page: PageCall): Promise<Response> {
  try {
    await app.host.prepare();
    const origins = [app.host.originOf(requestSourceOf(page.request)), ...options.appOrigins];
    const refusal = refusalOf(page.headers, { csrfHeader: options.csrfHeader, origins });
    if (refusal !== undefined) return answerOf(refusal);
    const { pathname, search } = new URL(page.url);
    const asked = askedPath(pathname, options.mountedAt);
    const api = options.apis.get(asked?.name ?? "");
    if (asked === undefined || api === undefined) return answerOf("path_not_allowed");
    const pattern = patternFor(api.patterns, asked.segments);
    if (pattern === undefined) return answerOf("path_not_allowed");
    if (!api.methods.has(page.method))
      return answerOf("method_not_allowed", { allow: [...api.methods].join(", ") });
    const url = `${api.origin}${pathToSend(asked.segments, pattern)}${search}`;
    const call = beginCall(page.signal, api.maxDurationMs);
    return await callApi(app, page, api, url, call).catch((error: unknown) => {
      call.over();
      throw error;
    });
  } catch (error) {
    return answerOfError(error);
  }
}

async function callApi(
  app: App,
  { method, headers, body, request }: PageCall,
  api: CheckedApi,
  url: string,
  call: Call,
): Promise<Response> {
  const found = await findGrant(app, request, api.token.provider);
  const { grantId, provider, source } = found;
  const { manager, profileOf } = await app.ready();
  const ask = {
    ...tokenAskOf(api.token, provider, profileOf(provider)),
    mayRefresh: !isPrefetch(source),
    door: "token-handler",
  };
  let token = await signedOutAsSuch(app, found, manager.getAccessToken(grantId, ask));
  const { accessToken } = token;
  const renewRejected: TokenManager["renewRejected"] = async (...args) => {
    const renewed = await manager.renewRejected(...args);
    token = renewed ?? token;
    return renewed;
  };
  const tokens: TokenSource = { manager: { renewRejected }, grantId, accessToken, ask };
  const answer = await forward({ api, url, method, headers, body, call }, tokens);
  await leaveMarker(app, found, api.token, token, answer);
  return answer;
}

function webCall(request: Request): PageCall {
  const { method, url, headers, body, signal } = request;
  return { method, url, headers, request, body: () => body, signal };
}
