/**
 * The marker: a cookie that scripts can read, and that changes when the session has another access token. By it a tab learns
 * of a renewal on the server without asking (F35). Its value is the token's end in epoch seconds, and no secret.
 *
 * It is written only where it changes, because in a server action a cookie makes Next render the page again (F36), and only
 * where that costs nothing: a server component cannot set cookies, and a proxy's would replace those of the app's response.
 *
 * @module
 */
import { epochSecondsFrom } from "../core/token-set.ts";
import type { TokenTarget } from "../core/token-target.ts";
import type { App } from "./app.ts";
import { currentRequest, setCookie } from "./next-modules.ts";
import {
  addSetCookie,
  isNodeResponse,
  isPrefetch,
  isRequestLike,
  requestSourceOf,
  type AnswerLike,
  type RequestLike,
  type RequestSource,
} from "./request-source.ts";
import type { CookieReach } from "./session-cookie.ts";
import { sessionOf } from "./session-grants.ts";

/** The name of the marker. `nolapse/react` reads it under the same name. */
export const MARKER_COOKIE = "nolapse.marker";

/** Where a marker is left: in the jar of Next's current request, or with an answer; `undefined`: nowhere. */
export type MarkerPlace = "jar" | AnswerLike | undefined;

/**
 * The marker as it is now, for a server component that gives it to `<TokenMarker>` of `nolapse/react`: in its arguments like
 * `getAccessToken`, but without options. `undefined` where nobody is signed in, or the token has no known end.
 */
export type CurrentTokenMarker = (request?: RequestLike, response?: object) => Promise<string | undefined>;

/** Whose token was handed out. */
interface Holder {
  readonly source: RequestSource;
  readonly ownGrantId: string | undefined;
}

/** The marker of a token; `undefined` where it has no known end. */
export function markerOf(expiresAtMs: number | undefined): string | undefined {
  return expiresAtMs === undefined ? undefined : String(epochSecondsFrom(expiresAtMs));
}

/** What the browser's marker has to become; `undefined` where it is right, or not to be touched. */
export function newMarkerFor(
  app: App,
  source: RequestSource,
  marker: string | undefined,
): string | undefined {
  if (app.options.tokenMarker === false || isPrefetch(source)) return undefined;
  return marker === source.cookies.get(MARKER_COOKIE) ? undefined : marker;
}

/**
 * Leaves the marker of a token that was handed out, if it is the session's own. Never rejects, and waits for nothing.
 *
 * @param target What the token is for; the marker is that of the sign-in's.
 */
export async function leaveMarker(
  app: App,
  { source, ownGrantId }: Holder,
  { resource, audience, scope }: TokenTarget,
  token: { readonly expiresAtMs?: number },
  place: MarkerPlace,
): Promise<void> {
  try {
    const isOther = ownGrantId !== undefined || (resource ?? audience ?? scope) !== undefined;
    const marker = newMarkerFor(app, source, isOther ? undefined : markerOf(token.expiresAtMs));
    if (marker === undefined || place === undefined) return;
    const reach = app.host.sessionCookieReach(source);
    if (place === "jar") await setCookie({ ...MARKER, ...reach, value: marker });
    else addSetCookie(place, markerLine(marker, reach));
  } catch {
    // A server component cannot set cookies, and an answer that has begun takes no header: then the tab asks in its time.
  }
}

/** Takes the browser's marker away, by the jar of Next's current request. Never rejects. */
export async function dropMarker(app: App, source: RequestSource): Promise<void> {
  if (!source.cookies.has(MARKER_COOKIE)) return;
  try {
    await setCookie({ ...MARKER, ...app.host.sessionCookieReach(source), value: "", maxAge: 0 });
  } catch {
    // As in leaveMarker().
  }
}

/**
 * The line that sets a marker, or takes it away.
 *
 * @param reach The session cookie's: a marker that browsers do not send along looks new to every answer.
 */
export function markerLine(marker: string | null, { secure, sameSite, partitioned }: CookieReach): string {
  const attributes = [
    `${MARKER_COOKIE}=${marker ?? ""}`,
    "Path=/",
    secure && "Secure",
    `SameSite=${SAME_SITE[sameSite]}`,
    partitioned && "Partitioned",
    marker === null && "Max-Age=0",
  ];
  return attributes.filter((each) => each !== false).join("; ");
}

/** Where a marker can be left by a function that was called with these arguments. */
export function placeIn(args: readonly unknown[]): MarkerPlace {
  const [request, response] = args;
  if (!isRequestLike(request)) return "jar";
  // In a proxy Next would put the jar's cookies in place of those that the app's response sets.
  const given = "req" in request ? (request as { res?: unknown }).res : response;
  return isNodeResponse(given) || given instanceof Response ? given : undefined;
}

/** Binds `tokenMarker` to one application. */
export function createCurrentTokenMarker(app: App): CurrentTokenMarker {
  return async (request) => {
    if (app.options.tokenMarker === false) return undefined;
    try {
      const source = isRequestLike(request) ? requestSourceOf(request) : await currentRequest();
      const id = (await sessionOf(app, source))?.grants?.own.id;
      if (id === undefined) return undefined;
      const view = await (await app.ready()).manager.view(id, { mayRefresh: false });
      return view.status === "ended" ? undefined : markerOf(view.expiresAtMs);
    } catch (error) {
      // By these Next learns that a page is dynamic; nobody else may have them.
      if (typeof (error as { digest?: unknown } | null)?.digest === "string") throw error;
      return undefined;
    }
  };
}

const MARKER = { name: MARKER_COOKIE, path: "/", httpOnly: false } as const;
const SAME_SITE = { lax: "Lax", strict: "Strict", none: "None" } as const;
