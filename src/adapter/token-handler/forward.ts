/**
 * One request to the API, and once more with a renewed token if the API rejects the first one.
 *
 * @module
 */
import type { TokenManager } from "../../core/token-manager.ts";
import type { TokenAsk } from "../../core/obtain-token.ts";
import { answerOf, type TokenHandlerErrorCode } from "./answers.ts";
import type { Call, CallEnd } from "./call.ts";
import type { CheckedApi } from "./check.ts";
import { headersToSend, headersToTell, lengthToldIn, protect } from "./headers.ts";
import { downloadOf, uploadOf, type Bytes, type Upload } from "./streams.ts";

/** What is passed on. */
export interface Forward {
  readonly api: CheckedApi;
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: () => Bytes | null;
  readonly call: Call;
}

/** The grant whose token goes along. */
export interface TokenSource {
  readonly manager: Pick<TokenManager, "renewRejected">;
  readonly grantId: string;
  readonly accessToken: string;
  readonly ask: TokenAsk;
}

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];
const WITHOUT_BODY: readonly number[] = [204, 205, 304];
/** What a fresh token of the same kind would not change (RFC 6750, RFC 9470). */
const HOPELESS = /\berror\s*=\s*"?(?:insufficient_scope|insufficient_user_authentication|invalid_request)\b/i;

const CODES: Readonly<Record<CallEnd, TokenHandlerErrorCode>> = {
  // Nobody reads this one.
  client_gone: "internal",
  request_timeout: "request_timeout",
  api_timeout: "api_timeout",
  duration: "api_timeout",
  request_too_large: "request_too_large",
  request_length_mismatch: "request_length_mismatch",
  answer_too_large: "api_answer_too_large",
};

/** Passes a request on, and the answer back. Rejects only for a mistake of our own. */
export async function forward(asked: Forward, token: TokenSource): Promise<Response> {
  const { api, call, body, headers } = asked;
  const lengthBytes = lengthToldIn(headers);
  if (Number.isNaN(lengthBytes)) call.end("request_length_mismatch");
  if (lengthBytes !== undefined && lengthBytes > api.maxRequestBytes) call.end("request_too_large");
  if (call.ended() !== undefined) return early(call);
  const upload = await uploadOf(body(), { ...api, lengthBytes, timeoutMs: api.responseTimeoutMs }, call);
  if (upload === undefined) return early(call);
  const first = await send(asked, upload, token.accessToken);
  if (first === undefined) return early(call);
  const renewed = await renewedToken(first, upload, token);
  if (renewed === undefined || call.ended() !== undefined) return passedBack(asked, first, token.accessToken);
  await first.body?.cancel().catch(() => undefined);
  const second = await send(asked, upload, renewed);
  return second === undefined ? early(call) : passedBack(asked, second, renewed);
}

/** `undefined` where there was no answer. */
async function send(
  { api, url, method, headers, call }: Forward,
  { body, lengthBytes }: Upload,
  accessToken: string,
): Promise<Response | undefined> {
  const sent = headersToSend(headers, api.requestHeaders, accessToken);
  // Node's fetch would send a stream chunked, which some APIs refuse. It breaks off where length and stream differ.
  if (lengthBytes !== undefined) sent.set("content-length", String(lengthBytes));
  const init: RequestInit & { duplex?: "half" } = {
    method,
    headers: sent,
    ...(body !== null && { body, duplex: "half" }),
    redirect: "manual",
    cache: "no-store",
    signal: call.signal,
  };
  call.expect(api.responseTimeoutMs, "api_timeout");
  try {
    return await fetch(url, init);
  } catch {
    return undefined;
  } finally {
    call.expectNothing();
  }
}

async function renewedToken(
  response: Response,
  { isReplayable }: Upload,
  { manager, grantId, accessToken, ask }: TokenSource,
): Promise<string | undefined> {
  if (response.status !== 401 || !isReplayable || ask.mayRefresh === false) return undefined;
  if (HOPELESS.test(response.headers.get("www-authenticate") ?? "")) return undefined;
  const renewed = await manager.renewRejected(grantId, accessToken, ask).catch(() => undefined);
  return renewed?.accessToken;
}

function early(call: Call): Response {
  const why = call.ended();
  call.over();
  return answerOf(why === undefined ? "api_unavailable" : CODES[why]);
}

async function passedBack(
  { api, method, call }: Forward,
  response: Response,
  accessToken: string,
): Promise<Response> {
  const { status, body } = response;
  const hasBody = body !== null && method !== "HEAD" && !WITHOUT_BODY.includes(status);
  const refusal = refusalOf(response, hasBody, api);
  if (refusal !== undefined) {
    await body?.cancel().catch(() => undefined);
    call.over();
    return answerOf(refusal);
  }
  const headers = protect(headersToTell(response.headers, api.responseHeaders, accessToken));
  if (!hasBody) {
    await body?.cancel().catch(() => undefined);
    call.over();
    if (WITHOUT_BODY.includes(status)) headers.delete("content-length");
    return new Response(null, { status, headers });
  }
  const isEventStream = /^text\/event-stream\b/i.test(headers.get("content-type") ?? "");
  if (isEventStream) {
    // Neither Next's compression nor a proxy in front of it may hold an event back.
    headers.set("cache-control", "private, no-store, no-transform");
    headers.set("x-accel-buffering", "no");
    headers.delete("content-length");
  }
  if (!headers.has("content-type")) headers.set("content-type", "application/octet-stream");
  const maxBytes = isEventStream ? Number.POSITIVE_INFINITY : api.maxResponseBytes;
  const { idleTimeoutMs } = api;
  return new Response(downloadOf(body, { maxBytes, idleTimeoutMs, isEventStream }, call), {
    status,
    headers,
  });
}

/** What fetch unpacks. Others are names that a store of files keeps beside them, such as `aws-chunked`. */
const UNPACKED = /\b(?:gzip|deflate|br|zstd)\b/i;

/** Answers that are not passed on: where to send the browser is the app's to say, not an API's. */
function refusalOf(
  { status, headers, type }: Response,
  hasBody: boolean,
  api: CheckedApi,
): TokenHandlerErrorCode | undefined {
  if (type === "opaqueredirect" || REDIRECTS.includes(status)) return "api_redirected";
  if (status < 200 || status > 599) return "api_unavailable";
  // A part of what was packed, unpacked by fetch: no part of anything that the page could put together.
  if (status === 206 && UNPACKED.test(headers.get("content-encoding") ?? "")) return "api_unavailable";
  const isTooLarge = hasBody && Number(headers.get("content-length") ?? 0) > api.maxResponseBytes;
  return isTooLarge ? "api_answer_too_large" : undefined;
}
