/**
 * RP-initiated logout: a sign-out of the app goes on at the authorization server, by the address that the browser is sent to.
 *
 * It never stands in the way of the sign-out. The grant ends first; where the address cannot be had, NextAuth's own stays.
 *
 * @see [OpenID Connect RP-Initiated Logout 1.0](https://openid.net/specs/openid-connect-rpinitiated-1_0.html)
 * @module
 */
import { grantRefOf } from "../core/grant.ts";
import { endSessionEndpointOf, endSessionUrl } from "../oauth/end-session.ts";
import type { App } from "./app.ts";
import type { RpInitiatedLogoutOptions } from "./options.ts";
import { warnOnce } from "./report.ts";
import { handlerContext, type HandlerContext } from "./request-context.ts";
import type { NamedGrant } from "./session-grants.ts";

/** How long a sign-out waits for the server's metadata, in milliseconds. */
const METADATA_WAIT_MS = 3_000;

/**
 * How Next writes down a redirect that was thrown.
 *
 * @see https://github.com/vercel/next.js/blob/canary/packages/next/src/client/components/redirect-error.ts
 */
const REDIRECT_DIGEST = /^(NEXT_REDIRECT;(?:push|replace);)(.*)(;30[378];)$/s;

/** A sign-out that is to go on at the provider. */
interface Leaving {
  readonly provider: string;
  readonly settings: RpInitiatedLogoutOptions;
  readonly grantRef: string;
  readonly idToken: string | undefined;
}

/**
 * Before a session's grants end: keeps what a logout at its provider needs. Never rejects.
 *
 * @param own The session's own grant: the sign-out goes on at its provider.
 * @returns What to do once the grants have ended; never rejects either.
 */
export async function beginProviderLogout(app: App, own: NamedGrant): Promise<() => Promise<void>> {
  const { provider, id } = own;
  const given = app.options.providers?.[provider]?.rpInitiatedLogout;
  if (given === undefined || given === false) return () => Promise.resolve();
  const settings = given === true ? {} : given;
  const { manager } = await app.ready();
  const wantsHint = settings.idTokenHint !== false && id !== undefined;
  const idToken = wantsHint ? await manager.idTokenOf(id).catch(() => undefined) : undefined;
  const leaving: Leaving = { provider, settings, grantRef: id === undefined ? "" : grantRefOf(id), idToken };
  return () => prepare(app, leaving, handlerContext());
}

/** Tells that a sign-out stays within the application because nobody can read now at which provider the user signed in. */
export function skipProviderLogout(app: App): void {
  const wanting = Object.entries(app.options.providers ?? {}).filter(([, each]) => each.rpInitiatedLogout);
  const [only, ...others] = wanting.map(([id]) => id);
  if (only === undefined) return;
  tellSkipped(app, { provider: others.length === 0 ? only : "", grantRef: "" }, "store_failed");
}

function tellSkipped(
  app: App,
  { provider, grantRef }: Pick<Leaving, "provider" | "grantRef">,
  code: string,
): void {
  const outcome = "skipped";
  app.emit({ type: "rp_initiated_logout", atMs: Date.now(), grantRef, provider, outcome, code });
  const where = provider === "" ? "the provider" : `"${provider}"`;
  warnOnce(
    `rp-initiated-logout:${provider}:${code}`,
    `The sign-out at ${where} was left out (${code}): the user was signed out of the app only`,
  );
}

/** Notes in the request where its answer is to lead, or tells why it cannot. */
async function prepare(app: App, leaving: Leaving, context: HandlerContext | undefined): Promise<void> {
  const { provider, settings, grantRef, idToken } = leaving;
  const skip = (code: string): void => tellSkipped(app, leaving, code);
  if (context === undefined) return skip("not_wrapped");
  const config = app.host.oauthProvider(provider);
  if (config === undefined) return skip("unknown_provider");
  const { metadata } = await app.ready();
  const found = await endSessionEndpointOf(config, metadata, AbortSignal.timeout(METADATA_WAIT_MS));
  if ("code" in found) return skip(found.code);
  const { clientId } = config;
  const origin = app.host.originOf(context.source);
  let isTold = false;
  context.leaveBy = (destination) => {
    const postLogoutRedirectUri = settings.postLogoutRedirectUri ?? onOrigin(destination, origin);
    const url = endSessionUrl(found.endpoint, { clientId, idTokenHint: idToken, postLogoutRedirectUri });
    const lacksHint = settings.idTokenHint !== false && !new URL(url).searchParams.has("id_token_hint");
    if (!isTold) {
      const code = lacksHint ? "no_hint" : "ok";
      const outcome = "redirected";
      app.emit({ type: "rp_initiated_logout", atMs: Date.now(), grantRef, provider, outcome, code });
    }
    isTold = true;
    return url;
  };
}

/** An address of the app in full; `undefined` for anybody else's, to which the server must not send people (SEC-32). */
function onOrigin(destination: string, origin: string): string | undefined {
  if (!URL.canParse(destination, origin)) return undefined;
  const url = new URL(destination, origin);
  return url.origin === origin ? url.href : undefined;
}

/**
 * The response of a sign-out, which leads to the provider where that is wanted: by its `Location`, by the `url` of its JSON,
 * or, in v5, by both.
 */
export async function leadingAway(response: Response, { leaveBy }: HandlerContext): Promise<Response> {
  if (leaveBy === undefined) return response;
  const { status } = response;
  const headers = new Headers(response.headers);
  const location = headers.get("location");
  if (location !== null) headers.set("location", leaveBy(location));
  if (headers.get("content-type")?.startsWith("application/json") !== true)
    return new Response(response.body, { status, headers });
  const body: unknown = await response.json();
  return new Response(JSON.stringify(withUrl(body, leaveBy)), { status, headers });
}

/** The JSON that a sign-out answers with, likewise. */
export function withUrl(body: unknown, leaveBy: (destination: string) => string): unknown {
  const { url } = Object(body) as { url?: unknown };
  return typeof url === "string" ? { ...(body as object), url: leaveBy(url) } : body;
}

/** What v5's `signOut({ redirect: false })` resolves with, likewise. */
export function leadingResultAway<Result>(result: Result, { leaveBy }: HandlerContext): Result {
  const { redirect } = Object(result) as { redirect?: unknown };
  return leaveBy === undefined || typeof redirect !== "string"
    ? result
    : { ...result, redirect: leaveBy(redirect) };
}

/** What Next's `redirect()` throws, likewise. It says where to in its `digest`; what else was thrown stays as it is. */
export function leadingRedirectAway(error: unknown, { leaveBy }: HandlerContext): unknown {
  const thrown = Object(error) as { digest?: unknown };
  const found = typeof thrown.digest === "string" ? REDIRECT_DIGEST.exec(thrown.digest) : null;
  if (found === null || leaveBy === undefined) return error;
  const [, before = "", destination = "", after = ""] = found;
  thrown.digest = `${before}${leaveBy(destination)}${after}`;
  return error;
}
