/**
 * The wrapper around NextAuth's route: it lets a due session read wait for the refresh, ends the grants of the session
 * that a new sign-in replaces, and keeps the answer of a session that has ended from touching the session cookie. Pages
 * that ask for an access token it answers itself, where the application has opted in.
 *
 * @module
 */
import { answerAccessToken, isAccessTokenRoute, nodeCall, webCall } from "./access-token-route.ts";
import type { App } from "./app.ts";
import { claimOf, withoutClaim } from "./claim.ts";
import { databaseSignInOf } from "./database-sign-in.ts";
import { inHandler, type HandlerContext } from "./request-context.ts";
import {
  addSetCookie,
  isNodeResponse,
  requestSourceOf,
  tellHeaders,
  type NodeRequestLike,
  type NodeResponseLike,
  type RequestSource,
} from "./request-source.ts";
import { withoutSessionCookies } from "./session-cookie.ts";
import { leadingAway, leadingRedirectAway, leadingResultAway, withUrl } from "./rp-initiated-logout.ts";
import { cookieValueOf, grantsOfClaim, isSignedOut, leavesAdded, tokenOf } from "./session-grants.ts";
import { settleSignIn } from "./settle-sign-in.ts";
import { dropMarker, MARKER_COOKIE, markerLine, newMarkerFor } from "./token-marker.ts";
import { stripTokens } from "./strip-tokens.ts";

/** The header in which a tab of `nolapse/react` says why it asks. */
export const ASK_HEADER = "x-nolapse-ask";
/** The actions in which NextAuth adds a way to sign in, an account or a passkey, to the user of the session that is there. */
const JOINING: ReadonlySet<string | undefined> = new Set(["callback", "webauthn-options"]);

/** Wraps NextAuth's handler, in the App Router's or the Pages Router's form. */
export function wrapHandlerOf(
  app: App,
): <Handler extends (...args: never[]) => unknown>(handler: Handler) => Handler {
  return <Handler extends (...args: never[]) => unknown>(handler: Handler): Handler => {
    const wrapped = async (...args: unknown[]): Promise<unknown> => {
      const run = handler as unknown as (...args: unknown[]) => unknown;
      const [request, second] = args;
      if (isNodeResponse(second)) {
        return answerPages(app, request as NodeRequestLike, second, (response) =>
          run(request, response, ...args.slice(2)),
        );
      }
      return answerApp(app, request as Request, second, () => run(...args));
    };
    return wrapped as unknown as Handler;
  };
}

async function answerApp(
  app: App,
  request: Request,
  routeContext: unknown,
  run: () => unknown,
): Promise<unknown> {
  const params = (await (routeContext as { params?: unknown } | undefined)?.params) as
    { nextauth?: string[] } | undefined;
  // The base path of a lazy configuration tells the action, also in the first request of a process.
  await app.host.prepare().catch(() => undefined);
  const segments = app.host.segmentsOf?.(request.url) ?? params?.nextauth ?? [];
  if (isAccessTokenRoute(app, segments)) return answerAccessToken(app, webCall(request));
  const [action] = segments;
  const source: RequestSource = { ...requestSourceOf(request), url: request.url };
  const context = await contextFor(app, source, action);
  const given = await runSettled(app, context, run);
  if (!(given instanceof Response)) return given;
  const response = await leadingAway(given, context);
  const headers = new Headers(response.headers);
  if (leavesCookieAlone(context)) {
    const name = app.host.sessionCookieName(context.source);
    headers.delete("set-cookie");
    for (const line of withoutSessionCookies(response.headers.getSetCookie(), name))
      headers.append("set-cookie", line);
  }
  // Whatever reads or sets the session is nobody else's (SEC-28, F40).
  headers.set("cache-control", "private, no-cache, no-store");
  const line = markerLineFor(app, context);
  if (line !== undefined) headers.append("set-cookie", line);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

async function answerPages(
  app: App,
  request: NodeRequestLike,
  response: NodeResponseLike,
  run: (response: NodeResponseLike) => unknown,
): Promise<unknown> {
  const query = (request as { query?: { nextauth?: string | string[] } }).query?.nextauth;
  const segments = Array.isArray(query) ? query : [];
  if (isAccessTokenRoute(app, segments)) return tokenToPages(app, request, response);
  const context = await contextFor(app, requestSourceOf(request), segments[0]);
  const name = app.host.sessionCookieName(context.source);
  const setHeader = response.setHeader.bind(response);
  response.setHeader("Cache-Control", "private, no-cache, no-store");
  const json = response.json?.bind(response);
  if (json !== undefined) {
    response.json = (body) => json(context.leaveBy === undefined ? body : withUrl(body, context.leaveBy));
  }
  response.setHeader = (header, value) => {
    if (header.toLowerCase() === "location" && context.leaveBy !== undefined)
      return setHeader(header, context.leaveBy(String(value)));
    // NextAuth sets the cookie right after its session event, in which the context was brought up to date.
    const drop = header.toLowerCase() === "set-cookie" && leavesCookieAlone(context) && Array.isArray(value);
    return setHeader(header, drop ? withoutSessionCookies(value as string[], name) : value);
  };
  const end = response.end.bind(response);
  response.end = (...args) => {
    const line = markerLineFor(app, context);
    const target = { setHeader, getHeader: response.getHeader?.bind(response) };
    if (line !== undefined && response.headersSent !== true) addSetCookie(target as NodeResponseLike, line);
    return end(...args);
  };
  return runSettled(app, context, () => run(response));
}

/** The line by which the answer leaves the marker of the session that it shows, or takes it away at a sign-out. */
function markerLineFor(app: App, { source, marker, signedOut }: HandlerContext): string | undefined {
  if (marker === null) {
    const isThere = source.cookies.has(MARKER_COOKIE);
    return isThere ? markerLine(null, app.host.sessionCookieReach(source)) : undefined;
  }
  const next = signedOut === true ? undefined : newMarkerFor(app, source, marker);
  return next === undefined ? undefined : markerLine(next, app.host.sessionCookieReach(source));
}

async function tokenToPages(app: App, request: NodeRequestLike, response: NodeResponseLike): Promise<void> {
  const answer = await answerAccessToken(app, nodeCall(request));
  response.statusCode = answer.status;
  tellHeaders(answer, response);
  response.end(await answer.text());
}

/**
 * Whether the answer is that of a session that has ended, or goes on with a newer cookie. Also in a sign-in or sign-out the application's callbacks may read
 * such a session, but what NextAuth does to the cookie there is meant: it sets the new one, or deletes it for good.
 */
function leavesCookieAlone({ action, signedOut, reading, newCookies }: HandlerContext): boolean {
  const isOld = signedOut === true || (reading?.id !== undefined && newCookies.has(reading.id));
  return isOld && action !== "callback" && action !== "signout";
}

/**
 * Runs a sign-in that does not come by the route, such as v5's server action `signIn()`: what it replaces is ended, and so
 * is what it stored if no session comes of it.
 */
export async function inSignIn<Result>(
  app: App,
  source: RequestSource,
  run: () => Promise<Result>,
): Promise<Result> {
  const context = await contextFor(app, source, "callback");
  return runSettled(app, context, run) as Promise<Result>;
}

/** Runs a sign-out that does not come by the route, such as v5's server action `signOut()`, which redirects by throwing. */
export async function inSignOut<Result>(
  app: App,
  source: RequestSource,
  run: () => Promise<Result>,
): Promise<Result> {
  const context = await contextFor(app, source, "signout");
  try {
    return leadingResultAway((await inHandler(context, run)) as Result, context);
  } catch (error) {
    throw leadingRedirectAway(error, context);
  } finally {
    if (context.marker === null) await dropMarker(app, source);
  }
}

/** A Credentials sign-in that fails late rejects, so that nothing may hang on the handler's answer. */
async function runSettled(app: App, context: HandlerContext, run: () => unknown): Promise<unknown> {
  try {
    return await inHandler(context, run);
  } finally {
    await settleSignIn(app, context);
  }
}

async function contextFor(
  app: App,
  source: RequestSource,
  action: string | undefined,
): Promise<HandlerContext> {
  const reason = source.header(ASK_HEADER);
  const door = reason !== undefined && /^[a-z]{1,20}$/.test(reason) ? `tab:${reason}` : "session";
  return {
    source,
    action,
    door,
    ...(await signInContextFor(app, source, action)),
    newCookies: new Set(),
  };
}

async function signInContextFor(
  app: App,
  source: RequestSource,
  action: string | undefined,
): Promise<Pick<HandlerContext, "previous" | "isOver" | "left" | "database">> {
  if (!JOINING.has(action)) return { previous: undefined, database: undefined };
  try {
    const value = await cookieValueOf(app, source);
    return app.host.strategy() === "database"
      ? { previous: undefined, database: await databaseSignInOf(app, value) }
      : { ...(await previousSession(app, source)), database: undefined };
  } catch {
    // The configuration is wrong, or lazy and not to be had without a request: NextAuth itself goes on, or says why not.
    return { previous: undefined, database: undefined };
  }
}

/** A session that is over is none: what its old cookie names is nothing to add to, but may be left to end. */
async function previousSession(
  app: App,
  source: RequestSource,
): Promise<Pick<HandlerContext, "previous" | "isOver" | "left">> {
  const none = { previous: undefined };
  try {
    const token = await tokenOf(app, source);
    if (token === null) return none;
    const { grants, manager } = await app.ready();
    const adopted = claimOf(token) ? undefined : await grants.adopt(token);
    const claim = claimOf(token) ?? adopted?.claim;
    if (claim === undefined) return none;
    const id = grants.idOf(claim);
    const unknown = () => "unknown" as const;
    const end = id === undefined ? unknown() : await manager.endReasonOf(id).catch(unknown);
    if (end !== undefined && isSignedOut(end)) {
      const over = { ...none, isOver: true };
      return leavesAdded(end) ? { ...over, left: await grantsOfClaim(app, claim) } : over;
    }
    const before = withoutClaim(stripTokens(token, adopted?.tokens ?? []).value);
    return { previous: { claim, token: before, isUsable: end === undefined } };
  } catch {
    return none;
  }
}
