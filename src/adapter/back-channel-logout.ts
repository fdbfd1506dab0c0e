/**
 * The route that authorization servers call when a user has signed out there: `backChannelLogout`.
 *
 * Nobody is signed in here, so the logout token alone says who asks and what for. Whatever it ends is ended in the store,
 * so that every process obeys at its next read.
 *
 * @see [OpenID Connect Back-Channel Logout 1.0, section 2.8](https://openid.net/specs/openid-connect-backchannel-1_0.html#BCResponse)
 * @module
 */
import type { GrantRecord } from "../core/grant.ts";
import type { GrantSelector } from "../core/grant-store.ts";
import type { SingleUse } from "../core/single-use.ts";
import { CLOCK_TOLERANCE_S, type LogoutToken, type LogoutTokenRefusal } from "../oauth/logout-token.ts";
import { readBody } from "../oauth/read-body.ts";
import { allTried } from "./all-tried.ts";
import type { App, ReadyApp } from "./app.ts";
import { reportFailure } from "./report.ts";
import {
  isNodeResponse,
  requestSourceOf,
  type NodeRequestLike,
  type NodeResponseLike,
} from "./request-source.ts";

/** A Pages Router request with its body, as Next parses it. */
export interface NodeRequestWithBody extends NodeRequestLike {
  readonly method?: string | undefined;
  readonly body?: unknown;
}

/** `backChannelLogout` in its forms. Neither throws. */
export interface BackChannelLogout {
  /** As an API route of the Pages Router. */
  (request: NodeRequestWithBody, response: NodeResponseLike): Promise<void>;
  /** As a route handler of the App Router. */
  (request: Request): Promise<Response>;
}

/** Why a request is refused, beside what may be wrong with its token. */
type Refusal = LogoutTokenRefusal | "method" | "content_type" | "body" | "no_token";

type Outcome =
  | { readonly outcome: "accepted"; readonly provider: string }
  | { readonly outcome: "refused"; readonly code: Refusal; readonly provider?: string }
  | { readonly outcome: "failed"; readonly code: string; readonly provider?: string };

/** A request, whatever router it came by. */
interface LogoutRequest {
  readonly method: string | undefined;
  readonly contentType: string;
  /** The `logout_token` of the form; a refusal where it cannot be read. */
  readonly token: (signal: AbortSignal) => Promise<{ readonly token: string } | { readonly code: Refusal }>;
}

const FORM_TYPE = "application/x-www-form-urlencoded";
/** The most that is read of a request: the longest token, percent-encoded at worst. */
const MAX_REQUEST_BYTES: number = 128 * 1024;
/** How long a request may take until its token is verified, in milliseconds; servers give up after a few seconds. */
const TIMEOUT_MS = 10_000;
/** When a server should try again, in seconds. */
const RETRY_AFTER_S = 5;

const REFUSALS: Readonly<Record<Refusal, string>> = {
  method: "send a logout request by POST",
  content_type: `send a logout request as ${FORM_TYPE}`,
  body: "the body is too long, or could not be read",
  no_token: "the body has no logout_token, or more than one",
  malformed: "the logout token is no signed JWT",
  encrypted: "the logout token is encrypted, which is not supported",
  alg: "the logout token is signed by an algorithm that this client does not accept",
  typ: 'the typ of the logout token is not "logout+jwt"',
  aud: "the logout token is for another client",
  iss: "the logout token is from another issuer",
  unknown_key: "the issuer's key set has no key for the logout token, or several that fit",
  signature: "the signature of the logout token does not hold",
  time: "the logout token has expired, is too old, is not valid yet, or has no exp",
  events: "the logout token has no back-channel logout event",
  nonce: "a logout token must not have a nonce",
  jti: "the logout token has no jti",
  subject: "the logout token names neither a sub nor a sid",
  replayed: "the logout token was used before",
};

/** Binds `backChannelLogout` to one application. */
export function createBackChannelLogout(app: App): BackChannelLogout {
  const run = async (request: Request | NodeRequestWithBody, response?: unknown): Promise<unknown> => {
    if (!isNodeResponse(response)) {
      const { status, headers, body } = await answerTo(app, webRequest(request as Request));
      return new Response(body, { status, headers });
    }
    const { status, headers, body } = await answerTo(app, nodeRequest(request as NodeRequestWithBody));
    response.statusCode = status;
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.end(body);
    return undefined;
  };
  return run as BackChannelLogout;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

async function answerTo(app: App, request: LogoutRequest): Promise<Answer> {
  const done = await outcomeOf(app, request);
  const { outcome, provider = "" } = done;
  const code = done.outcome === "accepted" ? "ok" : done.code;
  app.emit({ type: "back_channel_logout", atMs: Date.now(), grantRef: "", provider, outcome, code });
  if (done.outcome === "accepted") return answer(200);
  if (done.outcome === "refused") {
    const description = { error: "invalid_request", error_description: REFUSALS[done.code] };
    return done.code === "method" ? answer(405, description, { allow: "POST" }) : answer(400, description);
  }
  const description = { error: "temporarily_unavailable", error_description: "try again later" };
  return answer(503, description, { "retry-after": String(RETRY_AFTER_S) });
}

function answer(status: number, body?: object, more: Readonly<Record<string, string>> = {}): Answer {
  const type = body === undefined ? undefined : { "content-type": "application/json; charset=utf-8" };
  return {
    status,
    headers: { "cache-control": "no-store", ...type, ...more },
    body: body === undefined ? "" : JSON.stringify(body),
  };
}

async function outcomeOf(app: App, request: LogoutRequest): Promise<Outcome> {
  try {
    if (request.method !== "POST") return { outcome: "refused", code: "method" };
    if (request.contentType.split(";")[0]?.trim().toLowerCase() !== FORM_TYPE)
      return { outcome: "refused", code: "content_type" };
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const sent = await request.token(signal);
    if ("code" in sent) return { outcome: "refused", code: sent.code };
    const ready = await app.ready();
    const verdict = await ready.logoutTokens.verify(sent.token, signal);
    if (verdict.kind === "refused") return { outcome: "refused", code: verdict.code };
    if (verdict.kind === "unavailable") return { outcome: "failed", code: verdict.code };
    return await actUpon(ready, verdict.token);
  } catch (error) {
    reportFailure("A back-channel logout could not be answered", error);
    return { outcome: "failed", code: "internal" };
  }
}

/** Ends what a token that holds is about, once in all processes. */
async function actUpon(ready: ReadyApp, token: LogoutToken): Promise<Outcome> {
  const { manager, indexer } = ready;
  const { provider, issuer, clientId } = token;
  const use: SingleUse = {
    ids: indexer.logoutTokenIdsOf(issuer, token.id),
    ...{ provider, issuer, clientId },
    untilMs: token.unusableFromMs,
  };
  // Where the store fails, the end is tried all the same: this process then refuses what it knows, and tries again.
  const begun = await manager.beginUse(use).catch(() => "unknown" as const);
  if (begun === "used") return { outcome: "refused", code: "replayed", provider };
  try {
    await endNamed(ready, token);
    if (begun === "unknown") return { outcome: "failed", code: "store_failed", provider };
    // Only now is the token used up: a server whose request failed sends the same one again.
    await manager.finishUse(use);
    return { outcome: "accepted", provider };
  } catch (error) {
    reportFailure("The grants of a back-channel logout could not be ended yet", error);
    return { outcome: "failed", code: "store_failed", provider };
  }
}

/** Ends the grants that a token names, under every key of the ring. */
async function endNamed({ manager, indexer }: ReadyApp, token: LogoutToken): Promise<void> {
  const { issuer, subject, sid } = token;
  const sidRefs = sid === undefined ? [] : indexer.sidRefsOf(issuer, sid);
  const selectors: readonly GrantSelector[] =
    subject === undefined
      ? sidRefs.map((sidRef) => ({ sidRef }))
      : indexer.subjectRefsOf(issuer, subject).map((subjectRef) => ({ subjectRef }));
  const only = (grant: GrantRecord): boolean => isNamed(grant, token, sidRefs);
  await allTried(selectors.map((selector) => manager.endGrants(selector, "revoked", { revoke: true, only })));
}

/**
 * Whether a grant of the user is one that the token is about. One whose session at the server is not known may be: rather
 * a device too many is signed out than one too few. One that began later is not, so that an old token does no harm.
 */
function isNamed(
  { clientId, createdAtMs, sidRef }: GrantRecord,
  token: LogoutToken,
  sidRefs: readonly string[],
): boolean {
  const isOfSession = token.sid === undefined || sidRef === null || sidRefs.includes(sidRef);
  const isOlder = createdAtMs <= token.issuedAtMs + CLOCK_TOLERANCE_S * 1000;
  return clientId === token.clientId && isOfSession && isOlder;
}

function webRequest(request: Request): LogoutRequest {
  return {
    method: request.method,
    contentType: request.headers.get("content-type") ?? "",
    async token(signal) {
      const body = await readBody(new Response(request.body), { maxBytes: MAX_REQUEST_BYTES, signal });
      return body.kind === "complete" ? tokenOf(new URLSearchParams(body.text)) : { code: "body" };
    },
  };
}

/** Next has read and parsed the body by then, within a bound of its own. */
function nodeRequest(request: NodeRequestWithBody): LogoutRequest {
  const { method, body } = request;
  return {
    method,
    contentType: requestSourceOf(request).header("content-type") ?? "",
    token: () =>
      Promise.resolve(typeof body === "object" && body !== null ? parsedTokenOf(body) : { code: "body" }),
  };
}

function tokenOf(form: URLSearchParams): { readonly token: string } | { readonly code: Refusal } {
  const [token, ...more] = form.getAll("logout_token");
  return token === undefined || token === "" || more.length > 0 ? { code: "no_token" } : { token };
}

function parsedTokenOf(body: object): { readonly token: string } | { readonly code: Refusal } {
  const token = (body as { logout_token?: unknown }).logout_token;
  return typeof token === "string" && token !== "" ? { token } : { code: "no_token" };
}
