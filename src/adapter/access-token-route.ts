/**
 * `POST <basePath>/access-token`: the answer to a page of an application that opted in to tokens in the browser. NextAuth
 * never sees these requests, the session cookie is only read, and nothing but the access token and its end gets out (SEC-02).
 *
 * @see [OAuth 2.0 for Browser-Based Applications, section 6.2](https://datatracker.ietf.org/doc/html/draft-ietf-oauth-browser-based-apps#section-6.2) - token-mediating backend
 * @module
 */
import { isTokenError } from "../core/errors.ts";
import { epochSecondsFrom } from "../core/token-set.ts";
import { readBody } from "../oauth/read-body.ts";
import type { App } from "./app.ts";
import { isRecord } from "./kind-of.ts";
import { requestSourceOf, type NodeRequestLike, type RequestLike } from "./request-source.ts";
import { findGrant, handOut, type AccessToken } from "./token-access.ts";
import { leaveMarker } from "./token-marker.ts";
import {
  answerOf,
  answerOfError,
  type LogLines,
  type TokenHandlerErrorCode,
} from "./token-handler/answers.ts";
import { refusalOf } from "./token-handler/guard.ts";
import { protect } from "./token-handler/headers.ts";
import { headersOf } from "./token-handler/pages-router.ts";

/** The name of the route below NextAuth's base path. */
export const ACCESS_TOKEN_ACTION = "access-token";
/** The header that every request to the route has to carry, with any value. */
export const CSRF_HEADER = "x-nolapse-csrf";

/** The most that is read of a request's body. */
const MAX_BODY_BYTES: number = 4 * 1024;
/** How long its body may take, in milliseconds. */
const BODY_TIMEOUT_MS = 10_000;
/** The longest provider id that is looked for, in characters. */
const MAX_PROVIDER_LENGTH = 200;
/** The options of which the page, not the application, has chosen the value. */
const ASKED: readonly string[] = ["minValidityMs", "provider"];
const LINES: LogLines = {
  fault: "The access token route could not answer",
  option: "The access token route cannot work",
};

/** A request to the route, whatever router it came by. */
export interface AccessTokenCall {
  readonly method: string;
  readonly headers: Headers;
  /** The same request, with its cookies as its router reads them. */
  readonly request: RequestLike;
  /** The body as a value; or why it cannot be read. Does not reject. */
  readonly body: () => Promise<{ readonly value: unknown } | { readonly code: TokenHandlerErrorCode }>;
}

/** What a page may ask for. */
interface AccessTokenBody {
  readonly minValidityMs?: number;
  readonly renew?: boolean;
  readonly provider?: string;
}

/** Whether the application has opted in, and these segments below NextAuth's base path name the route. */
export function isAccessTokenRoute({ options }: App, segments: readonly string[]): boolean {
  const { exposeAccessToken = false } = options;
  return exposeAccessToken !== false && segments.length === 1 && segments[0] === ACCESS_TOKEN_ACTION;
}

/** Answers a page. Never rejects. */
export async function answerAccessToken(app: App, call: AccessTokenCall): Promise<Response> {
  try {
    await app.host.prepare();
    if (call.method !== "POST") return answerOf("method_not_allowed", { allow: "POST" });
    const origins = [app.host.originOf(requestSourceOf(call.request))];
    const refusal = refusalOf(call.headers, { csrfHeader: CSRF_HEADER, origins });
    if (refusal !== undefined) return answerOf(refusal);
    const type = call.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
    if (type !== "application/json") return answerOf("invalid_request");
    if (Number(call.headers.get("content-length") ?? 0) > MAX_BODY_BYTES)
      return answerOf("request_too_large");
    const body = await call.body();
    if ("code" in body) return answerOf(body.code);
    const asked = askedIn(body.value);
    if (asked === undefined) return answerOf("invalid_request");
    const { renew = false, ...options } = asked;
    const found = await findGrant(app, call.request, options.provider);
    const token = await handOut(app, found, options, { door: ACCESS_TOKEN_ACTION, renew });
    const answer = answerWith(token);
    await leaveMarker(app, found, {}, token, answer);
    return answer;
  } catch (error) {
    return answerOfFailure(error);
  }
}

/** The route's call of the App Router. */
export function webCall(request: Request): AccessTokenCall {
  const { method, headers } = request;
  return {
    method,
    headers,
    request,
    async body() {
      const read = await readBody(new Response(request.body), {
        maxBytes: MAX_BODY_BYTES,
        signal: AbortSignal.timeout(BODY_TIMEOUT_MS),
      });
      if (read.kind === "complete") return parsed(read.text);
      if (read.kind === "too_large") return { code: "request_too_large" };
      return { code: read.kind === "timeout" ? "request_timeout" : "invalid_request" };
    },
  };
}

/** The route's call of the Pages Router, where Next has read and parsed the body, within a bound of its own. */
export function nodeCall(request: NodeRequestLike): AccessTokenCall {
  const { method = "GET", body } = request as { method?: string; body?: unknown };
  return {
    method,
    headers: headersOf(request.headers),
    request,
    body: () => {
      const isTooLarge = Buffer.byteLength(JSON.stringify(body ?? null)) > MAX_BODY_BYTES;
      return Promise.resolve(isTooLarge ? { code: "request_too_large" } : { value: body });
    },
  };
}

function parsed(text: string): { readonly value: unknown } | { readonly code: TokenHandlerErrorCode } {
  try {
    // As Next's parser in the Pages Router.
    return { value: text === "" ? {} : JSON.parse(text) };
  } catch {
    return { code: "invalid_request" };
  }
}

/** `undefined` for anything but an object with members that are known, of the right kind. */
function askedIn(value: unknown): AccessTokenBody | undefined {
  if (!isRecord(value)) return undefined;
  const { minValidityMs, renew, provider, ...unknown } = value;
  if (Object.keys(unknown).length > 0) return undefined;
  const isDuration =
    typeof minValidityMs === "number" && Number.isFinite(minValidityMs) && minValidityMs >= 0;
  const isId = typeof provider === "string" && provider !== "" && provider.length <= MAX_PROVIDER_LENGTH;
  if (minValidityMs !== undefined && !isDuration) return undefined;
  if (renew !== undefined && typeof renew !== "boolean") return undefined;
  if (provider !== undefined && !isId) return undefined;
  return value;
}

function answerWith({ accessToken, expiresAtMs }: AccessToken): Response {
  const body = {
    accessToken,
    ...(expiresAtMs !== undefined && {
      expiresInMs: Math.max(0, expiresAtMs - Date.now()),
      accessTokenExpires: epochSecondsFrom(expiresAtMs),
    }),
  };
  const headers = protect(new Headers({ "content-type": "application/json; charset=utf-8" }));
  return new Response(JSON.stringify(body), { status: 200, headers });
}

/** What a page asked wrongly is no fault of the application's, and nothing for its log. */
function answerOfFailure(error: unknown): Response {
  const option = isTokenError(error) && "option" in error ? String(error.option) : "";
  return ASKED.includes(option) ? answerOf("invalid_request") : answerOfError(error, LINES);
}
